/**
 * The first pass over a capture: finds what agrees, in memory that does not grow with it, and where the rest lies.
 * Can go on with a capture that has grown. Judges nothing.
 */
import type { CaptureReader, StreamRow } from '../../capture/types.ts';
import type { Identity } from '../identity.ts';
import { LatencyHistogram } from '../latency-histogram.ts';
import { TimelineCounter } from '../timeline.ts';
import { ClientScan } from './client-scan.ts';
import { ConnectionScan, type ScanContext, type ScanLimits } from './connection-scan.ts';
import { Lanes } from './lanes.ts';
import type { RetiredConnection } from './retired.ts';

export interface Agreement {
  readonly connections: ReadonlyMap<number, RetiredConnection>;
  readonly clientFrames: ReadonlyMap<number, number>;
  readonly lanes: Lanes;
  readonly odd: ReadonlySet<string>;
  /** Frames that agreed. */
  readonly timeline: TimelineCounter;
  /** How long after old new delivered what agreed. */
  readonly behind: LatencyHistogram;
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

  constructor(options: AgreementOptions, isTapped: boolean) {
    this.#options = options;
    this.#context = contextOf(options, isTapped);
  }

  get identity(): Identity {
    return this.#options.identity;
  }

  /** Reads on. `isEnd`: the recording goes no further than this reader knows. */
  advance(reader: CaptureReader, isEnd: boolean): void {
    const streams = byConnection(reader.streams());
    const { lanes } = this.#context;
    for (const [connection, rows] of streams) {
      const client = rows.find(({ kind }) => kind === 'client');
      if (client !== undefined) this.#client(connection).advance(reader, client, isEnd);
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
      if (scan === undefined) {
        scan = new ConnectionScan({ ...this.#context, limits });
        this.#connections.set(id, scan);
      }
      scan.advance(reader, streams.get(id) ?? [], isEnd);
    }
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
    odd: new Set(),
    timeline: new TimelineCounter(),
    behind: new LatencyHistogram(),
  };
}

function byConnection(rows: readonly StreamRow[]): ReadonlyMap<number, readonly StreamRow[]> {
  const streams = new Map<number, StreamRow[]>();
  for (const row of rows) {
    const known = streams.get(row.connection);
    if (known === undefined) streams.set(row.connection, [row]);
    else known.push(row);
  }
  return streams;
}
