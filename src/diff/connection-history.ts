/**
 * What the events of a capture say about each connection: when both relays had accepted it, when a relay
 * refused or left it, when its client left. Says where the sides treated one client differently.
 */
import type { CaptureEvent, CaptureReader, Side } from '../capture/types.ts';
import { otherSide } from './records.ts';

/** A side that is gone while the other is not, for longer than this, was closed by its relay. */
const ENDS_TOGETHER_NS = 1_000_000_000;

interface SideEnd {
  readonly timeNs: number;
  /** Before the client finished, and before the recording stopped. */
  readonly whileClientOpen: boolean;
  readonly what: string;
}

interface Failure {
  readonly timeNs: number;
  readonly code: string;
}

/** What one client experienced on one side and not on the other. */
export interface ConnectionDifference {
  readonly connection: number;
  readonly side: Side;
  readonly event: 'refused' | 'closed early';
  readonly timeNs: number;
  readonly detail: string;
}

export class ConnectionHistory {
  readonly opened: Partial<Record<Side, number>> = {};
  readonly failed: Partial<Record<Side, Failure>> = {};
  readonly ended: Partial<Record<Side, SideEnd>> = {};
  clientClosedNs: number | undefined;
  #clientFinished = false;

  note(event: CaptureEvent, isStopped: boolean): void {
    const timeNs = Number(event.timeNs);
    const side = event.stream;
    switch (event.kind) {
      case 'upstream-open':
        if (side !== undefined && side !== 'client') this.opened[side] ??= timeNs;
        return;
      case 'upstream-failed':
        if (side !== undefined && side !== 'client') {
          this.failed[side] ??= { timeNs, code: String(event.details['code'] ?? 'no code') };
        }
        return;
      case 'end':
      case 'close':
      case 'error':
        if (side === 'client') {
          this.#clientFinished = true;
          if (event.kind === 'close') this.clientClosedNs ??= timeNs;
        } else if (side !== undefined) {
          const whileClientOpen = !this.#clientFinished && !isStopped;
          this.ended[side] ??= { timeNs, whileClientOpen, what: endWords(event) };
        }
        return;
      case 'open':
      case 'start':
      case 'stop':
      case 'note':
        return;
    }
  }

  /** When both relays had accepted the client; undefined when the capture does not say. */
  get joinedNs(): number | undefined {
    const { old, new: neu } = this.opened;
    return old === undefined || neu === undefined ? undefined : Math.max(old, neu);
  }

  /** From when on a side could not deliver anything to this client. */
  downSince(side: Side): number | undefined {
    return this.failed[side]?.timeNs ?? this.ended[side]?.timeNs;
  }

  *differences(connection: number): Generator<ConnectionDifference> {
    for (const side of ['old', 'new'] as const) {
      const failure = this.failed[side];
      const other = otherSide(side);
      if (failure !== undefined && this.failed[other] === undefined) {
        const detail = `the ${side} relay could not be reached (${failure.code}), the ${other} one could`;
        yield { connection, side, event: 'refused', timeNs: failure.timeNs, detail };
      }
      const end = this.ended[side];
      if (failure !== undefined || end === undefined || !this.#leftAlone(side, end)) continue;
      const detail = `the ${side} relay ${end.what} while the client was open, the ${other} one did not`;
      yield { connection, side, event: 'closed early', timeNs: end.timeNs, detail };
    }
  }

  #leftAlone(side: Side, end: SideEnd): boolean {
    const other = this.ended[otherSide(side)];
    if (!end.whileClientOpen || this.failed[otherSide(side)] !== undefined) return false;
    return other?.whileClientOpen !== true || other.timeNs - end.timeNs > ENDS_TOGETHER_NS;
  }
}

function endWords(event: CaptureEvent): string {
  if (event.kind !== 'error') return 'closed its connection';
  return `broke its connection (${String(event.details['code'] ?? 'no code')})`;
}

export function readHistories(reader: CaptureReader): ReadonlyMap<number, ConnectionHistory> {
  const histories = new Map<number, ConnectionHistory>();
  for (const { id } of reader.connections()) histories.set(id, new ConnectionHistory());
  let isStopped = false;
  for (const event of reader.events()) {
    isStopped ||= event.kind === 'stop';
    if (event.connection !== undefined) histories.get(event.connection)?.note(event, isStopped);
  }
  return histories;
}
