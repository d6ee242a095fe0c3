/**
 * The books of what the mirror was not sent, by accident or because it was asked for. A growing gap is reported again and
 * again, so it is known by its connection and where it begins.
 */
import type { Gap } from '../capture/types.ts';
import type { GapTotals } from './gap-totals.ts';

export type MirrorGapFacts = Omit<Gap, 'stream' | 'where' | 'firstTimeNs' | 'lastTimeNs'>;

export class MirrorGapBooks {
  /** What the mirror was not sent although it should have been, all connections together. */
  bytes = 0;
  /** What it was not sent because only a part of the traffic was asked for. */
  notSelectedBytes = 0;
  readonly #gapTotals: GapTotals;
  /** The gap that grows, by connection. */
  readonly #growing = new Map<number, Gap>();

  constructor(gapTotals: GapTotals) {
    this.#gapTotals = gapTotals;
  }

  /** The gap as it stands now, with its times. */
  note(gap: MirrorGapFacts, timeNs: bigint): Gap {
    const last = this.#growing.get(gap.connection);
    const known = last?.offset === gap.offset ? last : undefined;
    const firstTimeNs = known?.firstTimeNs ?? timeNs;
    const times = { firstTimeNs, lastTimeNs: timeNs };
    const complete: Gap = { ...gap, stream: 'client', where: 'mirror', ...times };
    this.#growing.set(gap.connection, complete);
    this.#count(gap, known);
    return complete;
  }

  close(connection: number): void {
    this.#growing.delete(connection);
  }

  #count(gap: MirrorGapFacts, known: Gap | undefined): void {
    const bytes = gap.bytes - (known?.bytes ?? 0);
    if (gap.reason === 'not-selected') {
      this.notSelectedBytes += bytes;
      return;
    }
    this.bytes += bytes;
    this.#gapTotals.add('mirror', gap.reason, {
      gaps: known === undefined ? 1 : 0,
      bytes,
      frames: (gap.frames ?? 0) - (known?.frames ?? 0),
    });
  }
}
