/**
 * What the events of a capture say about each connection: when each relay had accepted it, refused or left
 * it, and when its client left. Says where the sides treated one client differently, where nobody can tell,
 * and from when to when each relay had this client.
 */
import type { CaptureEvent, Side } from '../capture/types.ts';
import { otherSide } from './records.ts';
import type { RelayPresence } from './relay-presence.ts';

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

/** The key in the details of a note of a connection that says how its traffic differs in two recordings. */
export const TRAFFIC_NOTE = 'traffic';

/** What one client experienced on one side and not on the other. */
export interface ConnectionDifference {
  readonly connection: number;
  readonly side: Side;
  readonly event: 'refused' | 'never accepted' | 'closed early';
  readonly timeNs: number;
  readonly detail: string;
}

/** A time in which a relay had no connection for a client that was there. */
export interface Absence {
  readonly fromNs: number;
  /** Infinite when it did not come back to this client. */
  readonly toNs: number;
  /** How it began. */
  readonly began: 'refused' | 'closed early';
  readonly what: string;
}

/** When a relay had the client, as far as it can matter: infinite where the capture sets no bound. */
export interface Membership {
  readonly fromNs: number;
  readonly toNs: number;
}

export class ConnectionHistory {
  readonly #opened: Partial<Record<Side, number>> = {};
  readonly #failed: Partial<Record<Side, Failure>> = {};
  /** Of the last connection to the relay: a mirror may have several lives. */
  readonly #ended: Partial<Record<Side, SideEnd>> = {};
  /** Those that ended: the relay was reached again. */
  readonly #absences: Readonly<Record<Side, Absence[]>> = { old: [], new: [] };
  readonly #connection: number;
  readonly #recordingEndNs: number;
  readonly #presence: Readonly<Record<Side, RelayPresence>>;
  #selection: MirrorSelected = 'all';
  #clientHalfClosed = false;
  #clientClosedNs: number | undefined;
  /** Sentences: what differs in the traffic itself, where two recordings are compared. */
  readonly #otherTraffic: string[] = [];

  constructor(
    connection: number,
    recordingEndNs: number,
    presence: Readonly<Record<Side, RelayPresence>>,
  ) {
    this.#connection = connection;
    this.#recordingEndNs = recordingEndNs;
    this.#presence = presence;
  }

  /** What of this connection the mirror was to see. */
  get selection(): MirrorSelected {
    return this.#selection;
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
    const traffic = event.details[TRAFFIC_NOTE];
    if (traffic !== undefined) this.#otherTraffic.push(String(traffic));
  }

  #noteSide(event: CaptureEvent, side: Side, isStopped: boolean): void {
    const timeNs = Number(event.timeNs);
    switch (event.kind) {
      case 'upstream-open':
        this.#noteOpen(side, timeNs);
        return;
      case 'upstream-failed':
        this.#presence[side].refused(timeNs);
        if (this.#opened[side] !== undefined) return;
        this.#failed[side] ??= { timeNs, code: String(event.details['code'] ?? 'no code') };
        return;
      case 'end':
      case 'close':
      case 'error': {
        if (this.#ended[side] !== undefined) return;
        const whileClientOpen = this.#clientClosedNs === undefined && !isStopped;
        this.#presence[side].ended(timeNs, whileClientOpen && !this.#clientHalfClosed);
        this.#ended[side] = { timeNs, whileClientOpen, what: endWords(event) };
        return;
      }
      case 'note':
        this.#noteSelection(event.details['mirror']);
        return;
      case 'open':
      case 'start':
      case 'stop':
        return;
    }
  }

  #noteOpen(side: Side, timeNs: number): void {
    this.#presence[side].opened(timeNs);
    this.#opened[side] ??= timeNs;
    const away = this.#away(side);
    if (away !== undefined) this.#absences[side].push({ ...away, toNs: timeNs });
    delete this.#failed[side];
    delete this.#ended[side];
  }

  #noteSelection(mirror: string | number | undefined): void {
    if (mirror === 'not-selected') this.#selection = 'none';
    else if (mirror === 'withheld') this.#selection = 'listens';
  }

  /** The relay has no connection for this client now, and had none since. */
  #away(side: Side): Absence | undefined {
    const failed = this.#failed[side];
    const toNs = Number.POSITIVE_INFINITY;
    if (failed !== undefined) {
      return { fromNs: failed.timeNs, toNs, began: 'refused', what: failed.code };
    }
    const end = this.#ended[side];
    if (end === undefined) return undefined;
    return { fromNs: end.timeNs, toNs, began: 'closed early', what: end.what };
  }

  /**
   * Whether this client may lack a message because a relay that came back, to it or to others, had lost it:
   * sent while the relay was away, or too short a time before for it to be delivered.
   */
  wasAway(side: Side, sentNs: number, patienceNs: number): boolean {
    return this.#excusedAbsences(side).some(
      ({ fromNs, toNs }) => sentNs + patienceNs > fromNs && sentNs < toNs + REJOIN_NS,
    );
  }

  /** Whether the relay lost this client at that time or later and came back: what it had begun was cut off. */
  wasCutOff(side: Side, lastByteNs: number): boolean {
    return this.#excusedAbsences(side).some(({ fromNs }) => fromNs >= lastByteNs);
  }

  #excusedAbsences(side: Side): readonly Absence[] {
    const away = this.#lastOutage(side);
    return away === undefined ? this.#absences[side] : [...this.#absences[side], away];
  }

  /** The relay went away and did not come back to this client, but to others. */
  #lastOutage(side: Side): Absence | undefined {
    const away = this.#away(side);
    if (away === undefined || (away.began === 'closed early' && !this.#wasLeft(side))) {
      return undefined;
    }
    const toNs = this.#clientClosedNs ?? this.#recordingEndNs;
    return this.#presence[side].wasAway(away.fromNs, toNs) ? away : undefined;
  }

  #wasLeft(side: Side): boolean {
    const end = this.#ended[side];
    return end !== undefined && this.#leftAlone(side, end);
  }

  /** From when on a side, for reasons of its own, could not deliver anything to this client. */
  downSince(side: Side): number | undefined {
    const failed = this.#failed[side];
    if (failed !== undefined) return failed.timeNs;
    if (this.#wasNeverAccepted(side)) return this.#opened[otherSide(side)];
    const end = this.#ended[side];
    return end?.whileClientOpen === true ? end.timeNs : undefined;
  }

  /** undefined: it stayed to the end. */
  get clientLeftNs(): number | undefined {
    return this.#clientClosedNs;
  }

  /** undefined: the capture does not say. */
  joinedNs(side: Side): number | undefined {
    return this.#opened[side];
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
    if (this.#selection === 'none') return;
    for (const side of ['old', 'new'] as const) {
      const other = otherSide(side);
      yield* this.#interruptions(side);
      if (this.#lastOutage(side) !== undefined) continue;
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

  /** Times in which one client had lost a relay that was there for others. */
  *#interruptions(side: Side): Generator<ConnectionDifference> {
    for (const { fromNs, toNs, began, what } of this.#absences[side]) {
      if (this.#presence[side].wasAway(fromNs, toNs)) continue;
      const how =
        began === 'refused'
          ? `could not be reached (${what}), the ${otherSide(side)} one could`
          : `${what} while the client was open, the ${otherSide(side)} one did not`;
      const detail = `the ${side} relay ${how}; it was reached again ${secondsWords(toNs - fromNs)} later`;
      yield { connection: this.#connection, side, event: began, timeNs: fromNs, detail };
    }
  }

  /** Why nobody can tell whether the sides treated this client alike. */
  *doubts(): Generator<string> {
    yield* this.#otherTraffic;
    if (this.#selection === 'none') return;
    for (const side of ['old', 'new'] as const) yield* this.outages(side);
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

  /** Times in which the relay was away from everybody. */
  *outages(side: Side): Generator<string> {
    for (const { fromNs, toNs } of this.#absences[side]) {
      if (!this.#presence[side].wasAway(fromNs, toNs)) continue;
      yield `the ${side} relay went away at ${secondsWords(fromNs)} and was reached again ${secondsWords(toNs - fromNs)} later`;
    }
    const away = this.#lastOutage(side);
    if (away === undefined) return;
    yield `the ${side} relay went away at ${secondsWords(away.fromNs)} and was not reached again before the client left`;
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

/** What of a connection the mirror was to see: all; it listens only; nothing, it has none. */
export type MirrorSelected = 'all' | 'listens' | 'none';

/** A relay takes note of a new connection within this. */
const REJOIN_NS = 10_000_000;

export const EVER: Membership = {
  fromNs: Number.NEGATIVE_INFINITY,
  toNs: Number.POSITIVE_INFINITY,
};

function secondsWords(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}

function endWords(event: CaptureEvent): string {
  if (event.kind !== 'error') return 'closed its connection';
  return `broke its connection (${String(event.details['code'] ?? 'no code')})`;
}
