/**
 * The first pass over a capture: finds what agrees, in memory that does not grow with it, and where the rest lies.
 * Can go on with a capture that has grown. Judges nothing.
 */
import type { CaptureReader, Side, StreamEnd, StreamRow } from '../../capture/types.ts';
import type { Identity } from '../identity.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import { TimelineCounter } from '../timeline.ts';
import { ClientScan } from './client-scan.ts';
import { ConnectionScan, type ScanContext, type ScanLimits } from './connection-scan.ts';
import { Lanes } from './lanes.ts';
import { OddContents } from './odd-contents.ts';
import type { RetiredConnection } from './retired.ts';

export interface Agreement {
  readonly connections: ReadonlyMap<number, RetiredConnection>;
  readonly clientFrames: ReadonlyMap<number, number>;
  readonly lanes: Lanes;
  readonly odd: OddContents;
  /** Frames that agreed. */
  readonly timeline: TimelineCounter;
  /** How long after old new delivered what agreed. */
  readonly behind: LatencyHistogram;
}

export interface Progress {
  readonly connections: number;
  /** Equal frames of both sides. */
  readonly pairs: number;
  /** Frames, and bytes that are none, that have not found the same on the other side: under way, or a divergence. */
  readonly open: Readonly<Record<Side, number>>;
}

export interface AgreementOptions {
  readonly identity: Identity;
  readonly remarks: boolean;
  readonly limits: AgreementLimits;
}

export interface AgreementLimits extends Omit<ScanLimits, 'contentsMax'> {
  /** Of all connections together, each of which may have an equal part. */
  readonly contentsMax: number;
  /** A connection may always have so many. */
  readonly perConnectionMin: number;
}

export class AgreementScan {
  readonly #options: AgreementOptions;
  #clients = new Map<number, ClientScan>();
  #connections = new Map<number, ConnectionScan>();
  #context: Omit<ScanContext, 'limits'>;
  #merges = 0;
  /** Of each stream, behind which byte it ended when it was looked at last. */
  readonly #ends = new Map<number, number>();

  constructor(options: AgreementOptions, isTapped: boolean) {
    this.#options = options;
    this.#context = contextOf(options, isTapped);
  }

  get identity(): Identity {
    return this.#options.identity;
  }

  /** Reads on. `isEnd`: the recording goes no further than this reader knows. */
  advance(reader: CaptureReader, isEnd: boolean): void {
    const streams = byConnection(reader.streamEnds?.() ?? reader.streams().map(endOf));
    const { lanes } = this.#context;
    const grown = new Set<number>();
    for (const [connection, rows] of streams) {
      if (isEnd || rows.some(({ id, endOffset }) => this.#ends.get(id) !== endOffset)) {
        grown.add(connection);
      }
      for (const { id, endOffset } of rows) this.#ends.set(id, endOffset);
      const client = rows.find(({ kind }) => kind === 'client');
      if (client === undefined || !grown.has(connection)) continue;
      this.#client(connection).advance(reader, client, isEnd);
    }
    if (lanes.merges > this.#merges) {
      // What was told apart may not be: frames of one publisher, it turns out, were not held against each other.
      this.#merges = lanes.merges;
      this.#connections = new Map();
      this.#context = { ...contextOf(this.#options, false), lanes };
    }
    const part = Math.floor(this.#options.limits.contentsMax / Math.max(1, streams.size));
    const { limits: given } = this.#options;
    const limits = { ...given, contentsMax: Math.max(given.perConnectionMin, part) };
    for (const { id } of reader.connections()) {
      let scan = this.#connections.get(id);
      if (scan !== undefined && !grown.has(id)) continue;
      if (scan === undefined) {
        scan = new ConnectionScan({ ...this.#context, limits });
        this.#connections.set(id, scan);
      }
      scan.advance(reader, streams.get(id) ?? [], isEnd);
    }
  }

  /** How far it has come: costs little, however much disagrees. */
  progress(): Progress {
    const open = { old: 0, new: 0 };
    let pairs = 0;
    for (const scan of this.#connections.values()) {
      pairs += scan.pairs;
      for (const side of ['old', 'new'] as const) open[side] += scan.open(side);
    }
    return { connections: this.#connections.size, pairs, open };
  }

  result(): Agreement {
    const { lanes, odd, timeline, behind } = this.#context;
    const connections = [...this.#connections].map(([id, scan]) => [id, scan.result()] as const);
    const clients = [...this.#clients].map(([id, { frames }]) => [id, frames] as const);
    return {
      connections: new Map(connections),
      clientFrames: new Map(clients),
      lanes,
      odd,
      timeline: timeline.copy(),
      behind: behind.copy(),
    };
  }

  #client(connection: number): ClientScan {
    let client = this.#clients.get(connection);
    if (client === undefined) {
      const { header } = this.#options.identity.dialects.old;
      client = new ClientScan(header, this.#context.lanes, connection);
      this.#clients.set(connection, client);
    }
    return client;
  }
}

function contextOf(
  { identity, remarks }: AgreementOptions,
  isTapped: boolean,
): Omit<ScanContext, 'limits'> {
  return {
    identity,
    remarks,
    lanes: new Lanes(isTapped),
    odd: new OddContents(identity),
    timeline: new TimelineCounter(),
    behind: new LatencyHistogram(),
  };
}

function byConnection(rows: readonly StreamEnd[]): ReadonlyMap<number, readonly StreamEnd[]> {
  const streams = new Map<number, StreamEnd[]>();
  for (const row of rows) {
    const known = streams.get(row.connection);
    if (known === undefined) streams.set(row.connection, [row]);
    else known.push(row);
  }
  return streams;
}

/** Of a reader that is not asked again and again: how much there is stands for where it ends. */
function endOf({ id, connection, kind, bytes: endOffset }: StreamRow): StreamEnd {
  return { id, connection, kind, endOffset };
}
