/**
 * The history of a tap's connection. Its client is the tap itself: it joins, leaves and comes back for reasons
 * that say nothing of the relays, so no difference of connections can be claimed. It stays with the new
 * relay until that one has fallen silent. What can be told is where the tap heard nothing.
 */
import type { CaptureEvent, Side } from '../capture/types.ts';
import {
  type ConnectionDifference,
  ConnectionHistory,
  EVER,
  type Membership,
} from './connection-history.ts';
import type { RelayPresence } from './relay-presence.ts';

interface TapFacts {
  /** Of the recording. */
  readonly endNs: number;
  readonly presence: Readonly<Record<Side, RelayPresence>>;
  /** When the tap was connected to the old relay again. */
  readonly backNs: number | undefined;
}

export class TappedHistory extends ConnectionHistory {
  readonly #backNs: number | undefined;
  #lostNs: number | undefined;
  #leftUndrainedNs: number | undefined;

  constructor(connection: number, { endNs, presence, backNs }: TapFacts) {
    super(connection, endNs, presence);
    this.#backNs = backNs;
  }

  override note(event: CaptureEvent, isStopped: boolean): void {
    super.note(event, isStopped);
    const timeNs = Number(event.timeNs);
    if (event.details['tap'] === 'lost') this.#lostNs ??= timeNs;
    if (event.details['drained'] === 0) this.#leftUndrainedNs ??= timeNs;
  }

  override wasAway(side: Side, sentNs: number, patienceNs: number): boolean {
    return side === 'new' && super.wasAway(side, sentNs, patienceNs);
  }

  override wasCutOff(side: Side, lastByteNs: number): boolean {
    return side === 'new' && super.wasCutOff(side, lastByteNs);
  }

  override downSince(side: Side): number | undefined {
    return side === 'old' ? undefined : super.downSince(side);
  }

  /** All that the new relay is fed comes over this very connection, so it owes an answer to all of it. */
  override membership(): Membership {
    return { ...EVER, toNs: this.#leftUndrainedNs ?? EVER.toNs };
  }

  override *differences(): Generator<ConnectionDifference> {
    // None can be told.
  }

  override *doubts(): Generator<string> {
    yield* this.outages('new');
    if (this.#lostNs === undefined) return;
    const until =
      this.#backNs === undefined
        ? 'to the end of the recording'
        : `for the ${Math.ceil((this.#backNs - this.#lostNs) / 1e6)} ms until the tap was back`;
    yield `the old relay ended it, and what it broadcast ${until} is not known`;
  }
}
