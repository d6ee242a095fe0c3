/**
 * Concludes from what happens on the connections how many clients there are, and whether a relay is there: pure,
 * fed with the events that are recorded anyway. A relay that answered last is there; one that refused, or that
 * ended its last connection under the hands of a client, is not, until it accepts again. While a relay has no
 * connection at all nothing tells how it is, so somebody has to knock now and then.
 */
import type { CaptureEvent, Side } from '../capture/types.ts';
import type { RelayStatus } from './status.ts';

type Happened = Pick<CaptureEvent, 'connection' | 'stream' | 'kind' | 'details'>;

interface SideState {
  trouble: string | undefined;
  connected: number;
  opened: number;
  reopened: number;
  failed: number;
  left: number;
  /** When it was last known to be there while it had no connection; undefined when that is not known. */
  seenMs: number | undefined;
}

interface Watched {
  hasClient: boolean;
  /** What a relay ends now it ends in good order. */
  hasClientFinished: boolean;
  readonly open: Set<Side>;
  readonly everOpen: Set<Side>;
}

/** A relay without any connection is knocked at this often. */
const KNOCK_IDLE_MS = 30_000;

export class ConnectionWatch {
  readonly #sides: Readonly<Record<Side, SideState>>;
  /** While the connection lives. */
  readonly #connections = new Map<number, Watched>();
  #clients = 0;
  #isStopping = false;

  /** Both relays are there at `nowMs`. */
  constructor(nowMs: number) {
    this.#sides = { old: newSide(nowMs), new: newSide(nowMs) };
  }

  /** Clients that are connected. A relay may keep the connection of one that has left. */
  get clients(): number {
    return this.#clients;
  }

  status(side: Side): RelayStatus {
    const { seenMs: _, ...status } = this.#sides[side];
    return status;
  }

  note({ connection, stream, kind, details }: Happened): void {
    if (kind === 'stop') this.#isStopping = true;
    if (connection === undefined || stream === undefined) return;
    const watched = this.#watched(connection);
    if (stream === 'client') {
      if (kind === 'open') this.#setClient(watched, true);
      if (kind === 'close') this.#setClient(watched, false);
      if (kind === 'end' || kind === 'close') watched.hasClientFinished = true;
    } else if (kind === 'upstream-open') this.#opened(stream, watched);
    else if (kind === 'upstream-failed') this.#failed(stream, watched, details['code']);
    else if (kind === 'end' || kind === 'close') this.#ended(stream, watched, kind);
  }

  /** The connection is over on all sides. */
  endConnection(connection: number): void {
    const watched = this.#connections.get(connection);
    if (watched === undefined) return;
    this.#setClient(watched, false);
    for (const side of watched.open) this.#sides[side].connected -= 1;
    this.#connections.delete(connection);
  }

  /** Whether only knocking tells if the relay is there. */
  isKnockDue(side: Side, nowMs: number): boolean {
    const { trouble, connected, seenMs } = this.#sides[side];
    if (trouble !== undefined) return true;
    return connected === 0 && (seenMs === undefined || nowMs - seenMs >= KNOCK_IDLE_MS);
  }

  knocked(side: Side, hasAnswered: boolean, nowMs: number): void {
    const state = this.#sides[side];
    state.seenMs = hasAnswered ? nowMs : undefined;
    if (hasAnswered) state.trouble = undefined;
    // Somebody may have got through meanwhile; and what is known already says more.
    else if (state.connected === 0)
      state.trouble ??= `nobody listens at the socket of the ${side} relay`;
  }

  #watched(connection: number): Watched {
    let watched = this.#connections.get(connection);
    if (watched === undefined) {
      watched = {
        hasClient: false,
        hasClientFinished: false,
        open: new Set(),
        everOpen: new Set(),
      };
      this.#connections.set(connection, watched);
    }
    return watched;
  }

  #setClient(watched: Watched, hasClient: boolean): void {
    this.#clients += Number(hasClient) - Number(watched.hasClient);
    watched.hasClient = hasClient;
  }

  #opened(side: Side, watched: Watched): void {
    const state = this.#sides[side];
    state.trouble = undefined;
    state.opened += 1;
    if (watched.everOpen.has(side)) state.reopened += 1;
    if (!watched.open.has(side)) state.connected += 1;
    watched.open.add(side);
    watched.everOpen.add(side);
  }

  #failed(side: Side, watched: Watched, code: string | number | undefined): void {
    const state = this.#sides[side];
    state.failed += 1;
    if (watched.open.delete(side)) state.connected -= 1;
    if (this.#isStopping) return;
    state.trouble = `the ${side} relay did not accept a connection (${code ?? 'no reason given'})`;
  }

  #ended(side: Side, watched: Watched, how: 'end' | 'close'): void {
    const state = this.#sides[side];
    // After a half-close the relay may still read, but it will never answer again: it has left all the same.
    if (!watched.open.delete(side)) return;
    state.connected -= 1;
    if (state.connected === 0) state.seenMs = undefined;
    if (watched.hasClientFinished || this.#isStopping) return;
    state.left += 1;
    if (state.connected > 0) return;
    const what = how === 'end' ? 'finished sending on' : 'closed';
    state.trouble = `the ${side} relay ${what} its last connection`;
  }
}

function newSide(seenMs: number): SideState {
  return { trouble: undefined, connected: 0, opened: 0, reopened: 0, failed: 0, left: 0, seenMs };
}
