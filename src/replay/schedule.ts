/**
 * What is to be done in which order to play the clients of a capture again. Pure: reads the capture in passing, in
 * order of time over all connections, and holds of each connection that is open what a reader of a stream holds,
 * besides a few numbers a connection. Knows no clock and no sockets.
 */
import { chunkRuns } from '../capture/chunk-runs.ts';
import type { CaptureReader, ChunkRun, ConnectionRow, StreamRow } from '../capture/types.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';

interface Moment {
  readonly connection: number;
  /** ns since the start of the recording; exact below 104 days. */
  readonly timeNs: number;
  /** Orders what happened at one time. */
  readonly ordinal: number;
}

export interface OpenStep extends Moment {
  readonly kind: 'open';
  readonly label: string;
}

export interface SendStep extends Moment {
  readonly kind: 'send';
  readonly bytes: Uint8Array;
  /** What this client had received before, in bytes; 0 when the schedule was made without looking. */
  readonly receivedBytes: number;
  /** It has a chance to be read alone when the write before it lies so far back. */
  readonly pauseNs: number;
}

export interface EndStep extends Moment {
  /**
   * - `end`: the client finished sending and went on reading.
   * - `close`: it closed; after its relay had, when `afterRelay`.
   * - `reset`: its connection broke.
   */
  readonly kind: 'end' | 'close' | 'reset';
  /** All that it had received when it closed; what it had received before, when it finished sending. */
  readonly receivedBytes: number;
  readonly afterRelay: boolean;
}

export type Step = OpenStep | SendStep | EndStep;

/** What one write hands to the system. */
export interface Piece {
  readonly timeNs: number;
  readonly ordinal: number;
  /**
   * Of the recorded chunk that brought its first byte, where that is another one: answers to what is in this very write
   * cannot be waited for.
   */
  readonly begunOrdinal?: number;
  readonly bytes: Uint8Array;
  readonly pauseNs: number;
}

/** Makes the writes of one client of the chunks that were recorded. Both in order, and the bytes the same. */
export type PieceMaker = (runs: Iterable<ChunkRun>, connection: number) => Iterable<Piece>;

export interface ScheduleOptions {
  readonly piecesOf: PieceMaker;
  /** Whether sends say what the client had received before: costs reading what it received. */
  readonly looksAtReceipts: boolean;
}

/** What is played, in numbers. */
export interface ScheduleTotals {
  readonly connections: number;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Bytes of clients that are missing from the recording. */
  readonly gapBytes: number;
}

/** Other errors of a client follow its end: it was gone when something was written to it. */
const RESET_CODE = 'ECONNRESET';
/** A client that finishes sending and closes within this only closed. */
const CLOSE_AFTER_END_NS = 10_000_000;

export class Schedule {
  readonly totals: ScheduleTotals;
  readonly #capture: CaptureReader;
  readonly #options: ScheduleOptions;
  readonly #visits: ReadonlyMap<number, Visit>;
  readonly #streams: ReadonlyMap<string, StreamRow>;

  constructor(capture: CaptureReader, options: ScheduleOptions) {
    this.#capture = capture;
    this.#options = options;
    const connections = capture.connections();
    this.#visits = readVisits(capture, connections);
    const streams = capture.streams();
    this.#streams = new Map(streams.map((row) => [`${row.connection}/${row.kind}`, row]));
    const bytesOf = (kind: StreamRow['kind']): number =>
      streams.reduce((sum, row) => (row.kind === kind ? sum + row.bytes : sum), 0);
    this.totals = {
      connections: connections.length,
      sentBytes: bytesOf('client'),
      receivedBytes: bytesOf('old'),
      gapBytes: capture
        .gaps()
        .filter((gap) => gap.where === 'recording' && gap.stream === 'client')
        .reduce((sum, gap) => sum + gap.bytes, 0),
    };
  }

  /** A connection that was open when the recording stopped is not closed. */
  steps(): Iterable<Step> {
    const visits = [...this.#visits.values()];
    return mergeSorted(
      visits.map((visit) => this.#stepsOf(visit)),
      inOrder,
    );
  }

  *#stepsOf(visit: Visit): Generator<Step> {
    const { connection, label } = visit;
    yield { kind: 'open', connection, label, timeNs: visit.openedNs, ordinal: visit.openedOrdinal };
    const received = this.#options.looksAtReceipts
      ? new Receipts(this.#runs(connection, 'old'))
      : undefined;
    let lastNs = visit.openedNs;
    const pieces = this.#options.piecesOf(this.#runs(connection, 'client'), connection);
    for (const { timeNs, ordinal, begunOrdinal, bytes, pauseNs } of pieces) {
      const receivedBytes = received?.before(begunOrdinal ?? ordinal) ?? 0;
      lastNs = Math.max(lastNs, timeNs);
      yield {
        kind: 'send',
        connection,
        timeNs: lastNs,
        ordinal,
        bytes,
        receivedBytes,
        pauseNs,
      };
    }
    for (const { kind, timeNs, ordinal, afterRelay } of visit.endings) {
      const all = this.#streams.get(`${connection}/old`)?.bytes ?? 0;
      const receivedBytes = kind === 'end' ? (received?.before(ordinal) ?? 0) : all;
      lastNs = Math.max(lastNs, timeNs);
      yield { kind, connection, timeNs: lastNs, ordinal, receivedBytes, afterRelay };
    }
  }

  #runs(connection: number, kind: StreamRow['kind']): Iterable<ChunkRun> {
    const stream = this.#streams.get(`${connection}/${kind}`);
    return stream === undefined ? [] : chunkRuns(this.#capture, stream.id);
  }
}

function inOrder(left: Moment, right: Moment): number {
  return left.timeNs - right.timeNs || left.ordinal - right.ordinal;
}

/** Counts what a client received as the schedule goes on. */
class Receipts {
  readonly #runs: Iterator<ChunkRun>;
  /** Of the run with the next chunk, whose bytes nobody needs. */
  #ordinals: readonly number[] = [];
  #lengths: readonly number[] = [];
  #index = 0;
  #receivedBytes = 0;

  constructor(runs: Iterable<ChunkRun>) {
    this.#runs = runs[Symbol.iterator]();
  }

  /** `ordinal` must not fall from call to call. */
  before(ordinal: number): number {
    while (this.#isNextBefore(ordinal)) {
      this.#receivedBytes += this.#lengths[this.#index] ?? 0;
      this.#index += 1;
    }
    return this.#receivedBytes;
  }

  #isNextBefore(ordinal: number): boolean {
    while (this.#index >= this.#lengths.length) {
      const run = this.#runs.next();
      if (run.done === true) return false;
      this.#ordinals = run.value.ordinals;
      this.#lengths = run.value.lengths;
      this.#index = 0;
    }
    return (this.#ordinals[this.#index] ?? 0) < ordinal;
  }
}

type Ending = Pick<EndStep, 'kind' | 'timeNs' | 'ordinal' | 'afterRelay'>;

/** What the events say of one connection. */
interface Visit {
  readonly connection: number;
  readonly label: string;
  openedNs: number;
  openedOrdinal: number;
  relayEnded: boolean;
  endings: Ending[];
}

function readVisits(
  capture: CaptureReader,
  connections: readonly ConnectionRow[],
): ReadonlyMap<number, Visit> {
  const visits = new Map<number, Visit>();
  for (const { id: connection, label, openedNs } of connections) {
    visits.set(connection, {
      connection,
      label,
      openedNs: Number(openedNs),
      openedOrdinal: 0,
      relayEnded: false,
      endings: [],
    });
  }
  for (const { kind, connection, stream, timeNs, ordinal, details } of capture.events()) {
    if (kind === 'stop') break;
    const visit = visits.get(connection ?? Number.NaN);
    if (visit === undefined || stream === 'new') continue;
    const moment = { timeNs: Number(timeNs), ordinal };
    if (stream === 'old') visit.relayEnded ||= kind === 'end' || kind === 'close';
    else if (kind === 'open') {
      visit.openedNs = moment.timeNs;
      visit.openedOrdinal = ordinal;
    } else if (kind === 'end') addEnding(visit, 'end', moment);
    else if (kind === 'error' && details['code'] === RESET_CODE) addEnding(visit, 'reset', moment);
    else if (kind === 'close') addEnding(visit, 'close', moment);
  }
  return visits;
}

function addEnding(
  visit: Visit,
  kind: EndStep['kind'],
  moment: Omit<Ending, 'kind' | 'afterRelay'>,
): void {
  const last = visit.endings.at(-1);
  if (last?.kind === 'close' || last?.kind === 'reset') return;
  if (kind === 'close' && last?.kind === 'end') {
    // The shim reads the end of a client that closes before it learns that the client is gone.
    if (moment.timeNs - last.timeNs <= CLOSE_AFTER_END_NS) visit.endings.pop();
  }
  visit.endings.push({ kind, ...moment, afterRelay: visit.relayEnded });
}
