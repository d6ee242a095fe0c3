/**
 * Concludes from what happens on the connections whether a relay is there: pure, fed with the events that are
 * recorded anyway. A relay that answered last is there; one that refused, or that ended its last connection
 * under the hands of a client, is not, until it accepts again.
 */
import type { CaptureEvent, Side } from '../capture/types.ts';
import type { RelayStatus } from './status.ts';

type Happened = Pick<CaptureEvent, 'connection' | 'stream' | 'kind' | 'details'>;

interface SideCounts {
  trouble: string | undefined;
  connected: number;
  opened: number;
  reopened: number;
  failed: number;
  left: number;
}

interface Watched {
  /** The client has finished, so what a relay ends now it ends in good order. */
  hasClientFinished: boolean;
  readonly open: Set<Side>;
  readonly everOpen: Set<Side>;
}

export class RelayWatch {
  readonly #sides: Readonly<Record<Side, SideCounts>> = { old: nothing(), new: nothing() };
  /** While the connection lives. */
  readonly #connections = new Map<number, Watched>();
  #isStopping = false;

  status(side: Side): RelayStatus {
    return { ...this.#sides[side] };
  }

  note({ connection, stream, kind, details }: Happened): void {
    if (kind === 'stop') this.#isStopping = true;
    if (connection === undefined || stream === undefined) return;
    const watched = this.#watched(connection);
    if (stream === 'client') {
      if (kind === 'end' || kind === 'close') watched.hasClientFinished = true;
    } else if (kind === 'upstream-open') this.#opened(stream, watched);
    else if (kind === 'upstream-failed') this.#failed(stream, watched, details['code']);
    else if (kind === 'end' || kind === 'close') this.#ended(stream, watched, kind);
  }

  /** Somebody looked, and the relay accepted. */
  isBack(side: Side): void {
    this.#sides[side].trouble = undefined;
  }

  endConnection(connection: number): void {
    const watched = this.#connections.get(connection);
    if (watched === undefined) return;
    for (const side of watched.open) this.#sides[side].connected -= 1;
    this.#connections.delete(connection);
  }

  #watched(connection: number): Watched {
    let watched = this.#connections.get(connection);
    if (watched === undefined) {
      watched = { hasClientFinished: false, open: new Set(), everOpen: new Set() };
      this.#connections.set(connection, watched);
    }
    return watched;
  }

  #opened(side: Side, watched: Watched): void {
    const counts = this.#sides[side];
    counts.trouble = undefined;
    counts.opened += 1;
    if (watched.everOpen.has(side)) counts.reopened += 1;
    if (!watched.open.has(side)) counts.connected += 1;
    watched.open.add(side);
    watched.everOpen.add(side);
  }

  #failed(side: Side, watched: Watched, code: string | number | undefined): void {
    const counts = this.#sides[side];
    counts.failed += 1;
    if (watched.open.delete(side)) counts.connected -= 1;
    if (this.#isStopping) return;
    counts.trouble = `the ${side} relay did not accept a connection (${code ?? 'no reason given'})`;
  }

  #ended(side: Side, watched: Watched, how: 'end' | 'close'): void {
    const counts = this.#sides[side];
    // After a half-close the relay may still read, but it will never answer again: it has left all the same.
    if (!watched.open.delete(side)) return;
    counts.connected -= 1;
    if (watched.hasClientFinished || this.#isStopping) return;
    counts.left += 1;
    if (counts.connected > 0) return;
    const what = how === 'end' ? 'finished sending on' : 'closed';
    counts.trouble = `the ${side} relay ${what} its last connection`;
  }
}

function nothing(): SideCounts {
  return { trouble: undefined, connected: 0, opened: 0, reopened: 0, failed: 0, left: 0 };
}
