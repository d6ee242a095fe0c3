/**
 * What the events of a capture say about each connection: when each relay had accepted it, refused or left
 * it, and when its client left. Says where the sides treated one client differently, where nobody can tell,
 * and from when to when each relay had this client.
 */
import type { CaptureEvent, CaptureReader, Side } from '../capture/types.ts';
import { otherSide } from './records.ts';

/** Ends of two relays within this are one event that both answered; and a relay accepts in less. */
const TOGETHER_NS = 1_000_000_000;

interface SideEnd {
  readonly timeNs: number;
  /** Before the client was gone, and before the recording stopped. */
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
  readonly event: 'refused' | 'never accepted' | 'closed early';
  readonly timeNs: number;
  readonly detail: string;
}

/** When a relay had the client, as far as it can matter: infinite where the capture sets no bound. */
export interface Membership {
  readonly fromNs: number;
  readonly toNs: number;
}

export class ConnectionHistory {
  readonly #opened: Partial<Record<Side, number>> = {};
  readonly #failed: Partial<Record<Side, Failure>> = {};
  readonly #ended: Partial<Record<Side, SideEnd>> = {};
  readonly #connection: number;
  readonly #recordingEndNs: number;
  #clientHalfClosed = false;
  #clientClosedNs: number | undefined;

  constructor(connection: number, recordingEndNs: number) {
    this.#connection = connection;
    this.#recordingEndNs = recordingEndNs;
  }

  note(event: CaptureEvent, isStopped: boolean): void {
    const { stream } = event;
    if (stream === 'client') this.#noteClient(event, isStopped);
    else if (stream !== undefined) this.#noteSide(event, stream, isStopped);
  }

  #noteClient(event: CaptureEvent, isStopped: boolean): void {
    if (isStopped) return;
    if (event.kind === 'end') this.#clientHalfClosed = true;
    else if (event.kind === 'close') this.#clientClosedNs ??= Number(event.timeNs);
  }

  #noteSide(event: CaptureEvent, side: Side, isStopped: boolean): void {
    const timeNs = Number(event.timeNs);
    switch (event.kind) {
      case 'upstream-open':
        this.#opened[side] ??= timeNs;
        return;
      case 'upstream-failed':
        this.#failed[side] ??= { timeNs, code: String(event.details['code'] ?? 'no code') };
        return;
      case 'end':
      case 'close':
      case 'error': {
        const whileClientOpen = this.#clientClosedNs === undefined && !isStopped;
        this.#ended[side] ??= { timeNs, whileClientOpen, what: endWords(event) };
        return;
      }
      case 'open':
      case 'start':
      case 'stop':
      case 'note':
        return;
    }
  }

  /** From when on a side, for reasons of its own, could not deliver anything to this client. */
  downSince(side: Side): number | undefined {
    const failed = this.#failed[side];
    if (failed !== undefined) return failed.timeNs;
    if (this.#wasNeverAccepted(side)) return this.#opened[otherSide(side)];
    const end = this.#ended[side];
    return end?.whileClientOpen === true ? end.timeNs : undefined;
  }

  /**
   * An end that is a divergence of its own sets no bound: what the relay did not deliver after it is lost.
   * So does a relay that never had the client.
   */
  membership(side: Side): Membership {
    if (this.#failed[side] !== undefined || this.#wasNeverAccepted(side)) return EVER;
    const end = this.#ended[side];
    const ends = [this.#clientClosedNs];
    if (end !== undefined && !this.#leftAlone(side, end)) ends.push(end.timeNs);
    return {
      fromNs: this.#opened[side] ?? EVER.fromNs,
      toNs: Math.min(...ends.map((timeNs) => timeNs ?? EVER.toNs)),
    };
  }

  *differences(): Generator<ConnectionDifference> {
    const connection = this.#connection;
    for (const side of ['old', 'new'] as const) {
      const other = otherSide(side);
      const failure = this.#failed[side];
      if (failure !== undefined) {
        if (this.#failed[other] !== undefined) continue;
        const detail = `the ${side} relay could not be reached (${failure.code}), the ${other} one could`;
        yield { connection, side, event: 'refused', timeNs: failure.timeNs, detail };
        continue;
      }
      const otherOpened = this.#opened[other];
      if (otherOpened !== undefined && this.#wasNeverAccepted(side)) {
        const detail = `the ${other} relay accepted the client, the ${side} one never did`;
        yield { connection, side, event: 'never accepted', timeNs: otherOpened, detail };
        continue;
      }
      const end = this.#ended[side];
      if (end === undefined || !this.#leftAlone(side, end)) continue;
      const detail = `the ${side} relay ${end.what} while the client was open, the ${other} one did not`;
      yield { connection, side, event: 'closed early', timeNs: end.timeNs, detail };
    }
  }

  /** Why nobody can tell whether the sides treated this client alike. */
  *doubts(): Generator<string> {
    if (this.#failed.old !== undefined && this.#failed.new !== undefined) {
      yield 'neither relay could be reached';
    }
    for (const side of ['old', 'new'] as const) {
      if (this.#hasNoAnswer(side) && !this.#wasNeverAccepted(side)) {
        yield `the ${side} relay had not accepted the client before it left`;
      }
    }
    const { old, new: neu } = this.#ended;
    if (old?.whileClientOpen !== true || neu === undefined || this.#clientHalfClosed) return;
    if (neu.whileClientOpen) yield 'both relays closed it while the client was open';
    else if (!this.#leftAlone('old', old)) {
      yield 'the old relay closed it, and whether the new one would have by itself is not known';
    }
  }

  /** Neither accepted nor refused, where the other side accepted. */
  #hasNoAnswer(side: Side): boolean {
    const hasAnswer = this.#opened[side] ?? this.#failed[side] ?? this.#ended[side];
    return hasAnswer === undefined && this.#opened[otherSide(side)] !== undefined;
  }

  #wasNeverAccepted(side: Side): boolean {
    if (!this.#hasNoAnswer(side)) return false;
    const waitedFromNs = this.#opened[otherSide(side)] ?? 0;
    return (this.#clientClosedNs ?? this.#recordingEndNs) - waitedFromNs > TOGETHER_NS;
  }

  /** This side ended the connection and the other one did not, as far as that can be told. */
  #leftAlone(side: Side, end: SideEnd): boolean {
    const other = this.#ended[otherSide(side)];
    if (!end.whileClientOpen || this.#failed[otherSide(side)] !== undefined) return false;
    if (other === undefined || other.timeNs - end.timeNs > TOGETHER_NS) return true;
    if (other.whileClientOpen || this.#clientHalfClosed) return false;
    // The client is closed when its active relay is gone, and that ends the other side; but a client that
    // loses only the mirror does not notice, so it left by its own will.
    return side !== 'old';
  }
}

const EVER: Membership = { fromNs: Number.NEGATIVE_INFINITY, toNs: Number.POSITIVE_INFINITY };

function endWords(event: CaptureEvent): string {
  if (event.kind !== 'error') return 'closed its connection';
  return `broke its connection (${String(event.details['code'] ?? 'no code')})`;
}

/** How a recording ended. */
export interface RecordingEnd {
  /**
   * Whether both relays had fallen silent. undefined: the recording does not say, as imports and old
   * captures do not.
   */
  readonly isDrained: boolean | undefined;
  readonly endNs: number;
}

export interface Histories {
  readonly of: ReadonlyMap<number, ConnectionHistory>;
  readonly end: RecordingEnd;
}

export function readHistories(reader: CaptureReader): Histories {
  const of = new Map<number, ConnectionHistory>();
  let endNs = Number(reader.info.durationNs);
  for (const { id } of reader.connections()) of.set(id, new ConnectionHistory(id, endNs));
  let isStopped = false;
  let isDrained: boolean | undefined;
  for (const event of reader.events()) {
    if (event.kind === 'stop') {
      isStopped = true;
      endNs = Number(event.timeNs);
      const { drained } = event.details;
      if (drained !== undefined) isDrained = drained !== 0;
    }
    if (event.connection !== undefined) of.get(event.connection)?.note(event, isStopped);
  }
  return { of, end: { isDrained, endNs } };
}
