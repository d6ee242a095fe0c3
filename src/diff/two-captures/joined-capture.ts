/**
 * Two recordings of the same client traffic as one capture, so that the whole differ works on them unchanged: what the
 * old relay answered in the first is the old side, what the old relay (or the new one) answered in the second is the
 * new side. What differs in the traffic itself is said as such, with gaps: what was sent in one recording only, its
 * relay alone could deliver. Reads both captures in passing; holds a few numbers a connection.
 */
import { basename } from 'node:path';
import { chunkRuns, chunksIn } from '../../capture/chunk-runs.ts';
import { REWRITE_NOTE } from '../../capture/replay-notes.ts';
import type {
  ByteRange,
  CaptureEvent,
  CaptureInfo,
  CaptureReader,
  Chunk,
  ChunkRun,
  ConnectionRow,
  Gap,
  KeyOfSent,
  SentAgain,
  Side,
  StreamAccount,
  StreamKind,
  StreamRow,
} from '../../capture/types.ts';
import { formatBytes } from '../../lib/format.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import { SENT_TO_NEW_ONLY } from '../client-facts.ts';
import { type RecordedClient, readClients } from './client-digests.ts';
import {
  type ClientComparison,
  compareClients,
  keyOfSpans,
  type Rewritten,
} from './compare-clients.ts';
import { LaidRun, within } from './joined-chunks.ts';
import { joinEvents } from './joined-events.ts';
import { matchConnections } from './match-connections.ts';
import { TimeMap } from './time-map.ts';

export interface JoinOptions {
  /** How each recording is cut into messages. */
  readonly layouts: Readonly<Record<Side, HeaderLayout>>;
  /** Whose output of the second recording is the new side. */
  readonly newSide: Side;
}

export interface JoinedConnection {
  readonly id: number;
  readonly label: string;
  readonly old: RecordedClient | undefined;
  readonly new: RecordedClient | undefined;
}

interface JoinedStream {
  readonly row: StreamRow;
  readonly from: Side;
  readonly sourceId: number;
  /** Of the source; undefined: all of it. What is left out closes up. */
  readonly ranges: readonly ByteRange[] | undefined;
}

/** What was sent in the first recording only. */
const SENT_TO_OLD_ONLY = 'sent-to-old-only';
/** A connection that only one of the recordings has. */
const NO_SUCH_CONNECTION = 'no-such-connection';

export class JoinedCapture implements CaptureReader {
  readonly path: string;
  readonly info: CaptureInfo;
  readonly #sources: Readonly<Record<Side, CaptureReader>>;
  readonly #options: JoinOptions;
  readonly #times = new TimeMap();
  readonly #connections: JoinedConnection[] = [];
  readonly #streams: JoinedStream[] = [];
  readonly #gaps: Gap[] = [];
  /** Of client streams that both recordings have, by id. */
  readonly #sentAgain = new Map<number, SentAgain>();
  readonly #differences = new Map<number, string[]>();
  readonly #names: Readonly<Record<Side, string>>;

  /** Closes neither when it throws. */
  constructor(old: CaptureReader, neu: CaptureReader, options: JoinOptions) {
    this.#sources = { old, new: neu };
    this.#options = options;
    this.#names = namesOf(old.path, neu.path);
    this.path = `${basename(old.path)} + ${basename(neu.path)}`;
    const clients = { old: readClients(old), new: readClients(neu) };
    let nextId = Math.max(0, ...clients.old.map(({ id }) => id)) + 1;
    const joined: JoinedConnection[] = [];
    for (const match of matchConnections(clients.old, clients.new)) {
      const id = match.old?.id ?? nextId++;
      const label = match.old?.label ?? `${match.new?.label} (only in ${this.#names.new})`;
      joined.push({ id, label, ...match });
    }
    this.#connections.push(...joined);
    for (const connection of joined) nextId = this.#join(connection, nextId);
    this.#keepGaps();
    this.info = this.#joinInfo();
  }

  /** How the two sides are called in a result. */
  get labels(): Readonly<Record<Side, string>> {
    return {
      old: `${this.#names.old}, old`,
      new: `${this.#names.new}, ${this.#options.newSide}`,
    };
  }

  protocolSchemas(): ReadonlyMap<string, string> {
    return new Map([
      ...this.#sources.new.protocolSchemas(),
      ...this.#sources.old.protocolSchemas(),
    ]);
  }

  connections(): readonly ConnectionRow[] {
    return this.#connections.map(({ id, label, old, new: neu }) => ({
      id,
      label,
      openedNs: BigInt(old?.openedNs ?? this.#times.map(neu?.openedNs ?? 0)),
    }));
  }

  streams(): readonly StreamRow[] {
    return this.#streams.map(({ row }) => row);
  }

  gaps(): readonly Gap[] {
    return this.#gaps;
  }

  /** What was mirrored in either recording says nothing about the other. */
  accounts(): readonly StreamAccount[] {
    return [];
  }

  events(): Iterable<CaptureEvent> {
    return joinEvents({
      ...this.#sources,
      newSide: this.#options.newSide,
      connections: this.#connections,
      mapNs: (timeNs) => this.#times.map(timeNs),
      differences: this.#differences,
    });
  }

  restarts(connection: number, kind: StreamKind): readonly number[] {
    const found = this.#streams.find(
      ({ row }) => row.connection === connection && row.kind === kind,
    );
    const joined = this.#connections.find(({ id }) => id === connection);
    const source = found && joined?.[found.from];
    if (found === undefined || source === undefined) return [];
    const sourceKind = kind === 'new' ? this.#options.newSide : kind;
    return this.#sources[found.from].restarts(source.id, sourceKind);
  }

  chunks(streamId: number): Iterable<Chunk> {
    return chunksIn(this.runs(streamId));
  }

  *runs(streamId: number, fromOffset = 0): Generator<ChunkRun> {
    const stream = this.#streams[streamId - 1];
    if (stream === undefined) return;
    const { from, sourceId, ranges } = stream;
    const source = this.#sources[from];
    const parts = { chunks: () => within(source.chunks(sourceId), ranges ?? []) };
    const isWhole = ranges === undefined;
    for (const run of chunkRuns(isWhole ? source : parts, sourceId, fromOffset)) {
      yield from === 'old' ? new LaidRun(run, undefined) : new LaidRun(run, this.#times);
    }
  }

  sentAgain(streamId: number): SentAgain | undefined {
    return this.#sentAgain.get(streamId);
  }

  close(): void {
    this.#sources.old.close();
    this.#sources.new.close();
  }

  /** Returns the next free id of a connection. */
  #join(connection: JoinedConnection, nextId: number): number {
    const { id, label, old, new: neu } = connection;
    const { newSide } = this.#options;
    const oldClient = streamOf(old, 'client');
    const newClient = streamOf(neu, 'client');
    const oldOutput = streamOf(old, 'old');
    const newOutput = streamOf(neu, newSide);
    const clientId = this.#addStream(id, 'client', 'old', oldClient);
    this.#addStream(id, 'old', 'old', oldOutput);
    this.#addStream(id, 'new', 'new', newOutput);
    if (old === undefined || neu === undefined) {
      this.#addOneSided(connection, old === undefined ? newOutput : oldOutput);
    }
    const comparison = this.#compare(oldClient, newClient);
    if (clientId !== undefined && newClient !== undefined) {
      this.#sentAgain.set(clientId, this.#againOf(comparison, newClient));
    }
    for (const range of comparison.onlyOld.ranges) this.#addUnsent(id, SENT_TO_OLD_ONLY, range);
    if (old !== undefined && neu !== undefined)
      this.#note(id, differenceWords(comparison, this.#names));
    const { ranges } = comparison.onlyNew;
    if (ranges.length === 0 || newClient === undefined) return nextId;
    let sender = id;
    if (old !== undefined) {
      sender = nextId;
      const onlyThere = `${label} (what only ${this.#names.new} has)`;
      this.#connections.push({ id: sender, label: onlyThere, old: undefined, new: undefined });
    }
    const bytes = ranges.reduce((sum, range) => sum + range.bytes, 0);
    this.#addStream(sender, 'client', 'new', { ...newClient, bytes }, ranges);
    this.#addUnsent(sender, SENT_TO_NEW_ONLY, { offset: 0, bytes });
    return old === undefined ? nextId : nextId + 1;
  }

  #againOf({ onlyOld, onlyNew }: ClientComparison, stream: StreamRow): SentAgain {
    const keys = this.#keys();
    return {
      capture: this.#sources.new,
      stream,
      layout: this.#options.layouts.new,
      keys: { first: keys.old, second: keys.new },
      onlyFirst: onlyOld.ranges,
      onlySecond: onlyNew.ranges,
      mapNs: (timeNs) => this.#times.map(timeNs),
    };
  }

  #keys(): Readonly<Record<Side, KeyOfSent>> {
    const { layouts } = this.#options;
    const rewritten = rewrittenOf(this.#sources);
    return { old: keyOfSpans(layouts.old, rewritten), new: keyOfSpans(layouts.new, rewritten) };
  }

  #compare(old: StreamRow | undefined, neu: StreamRow | undefined): ClientComparison {
    const { layouts } = this.#options;
    const sources = this.#sources;
    return compareClients(
      {
        old: { reader: sources.old, stream: old, layout: layouts.old },
        new: { reader: sources.new, stream: neu, layout: layouts.new },
      },
      this.#keys(),
      (oldNs, newNs) => this.#times.add(newNs, oldNs),
    );
  }

  #addStream(
    connection: number,
    kind: StreamKind,
    from: Side,
    source: StreamRow | undefined,
    ranges?: readonly ByteRange[],
  ): number | undefined {
    if (source === undefined) return undefined;
    const row = { ...source, id: this.#streams.length + 1, connection, kind };
    this.#streams.push({ row, from, sourceId: source.id, ranges });
    return row.id;
  }

  /** The other relay never saw this client: what it would have delivered to it is not known. */
  #addOneSided({ id, old }: JoinedConnection, output: StreamRow | undefined): void {
    const [here, there] =
      old === undefined ? [this.#names.new, this.#names.old] : [this.#names.old, this.#names.new];
    this.#note(id, [`only ${here} has this client, ${there} has not`]);
    if (output === undefined || output.bytes === 0) return;
    this.#gaps.push({
      ...wholly(this.#sources[old === undefined ? 'new' : 'old'].info.durationNs),
      connection: id,
      stream: old === undefined ? 'old' : 'new',
      where: 'recording',
      reason: NO_SUCH_CONNECTION,
      offset: 0,
      bytes: output.bytes,
    });
  }

  #addUnsent(connection: number, reason: string, { offset, bytes }: ByteRange): void {
    this.#gaps.push({
      ...wholly(this.#sources.old.info.durationNs),
      connection,
      stream: 'client',
      where: 'mirror',
      reason,
      offset,
      bytes,
    });
  }

  #note(connection: number, sentences: readonly string[]): void {
    if (sentences.length > 0) this.#differences.set(connection, [...sentences]);
  }

  /** Those of the streams that are compared. */
  #keepGaps(): void {
    const oldGaps = byConnection(this.#sources.old.gaps());
    const newGaps = byConnection(this.#sources.new.gaps());
    for (const { id, old, new: neu } of this.#connections) {
      for (const gap of oldGaps.get(old?.id) ?? []) {
        if (gap.where === 'recording' && gap.stream !== 'new') {
          this.#gaps.push({ ...gap, connection: id });
        }
      }
      for (const gap of newGaps.get(neu?.id) ?? []) {
        const isOutput = gap.stream === this.#options.newSide;
        const isMirrored = gap.where === 'mirror' && this.#options.newSide === 'new';
        if (isOutput) this.#gaps.push({ ...gap, connection: id, stream: 'new' });
        else if (isMirrored && old !== undefined) this.#gaps.push({ ...gap, connection: id });
      }
    }
  }

  #joinInfo(): CaptureInfo {
    const [old, neu] = [this.#sources.old.info, this.#sources.new.info];
    const endNs = BigInt(this.#times.map(Number(neu.durationNs)));
    return {
      ...old,
      sealed: old.sealed && neu.sealed,
      durationNs: old.durationNs > endNs ? old.durationNs : endNs,
      part: undefined,
      notes: this.#options.newSide === 'new' ? neu.notes : {},
    };
  }
}

function byConnection(gaps: readonly Gap[]): ReadonlyMap<number | undefined, readonly Gap[]> {
  const groups = new Map<number | undefined, Gap[]>();
  for (const gap of gaps) {
    const group = groups.get(gap.connection);
    if (group === undefined) groups.set(gap.connection, [gap]);
    else group.push(gap);
  }
  return groups;
}

function streamOf(client: RecordedClient | undefined, kind: StreamKind): StreamRow | undefined {
  return client?.streams.find((stream) => stream.kind === kind);
}

function wholly(
  durationNs: bigint,
): Pick<Gap, 'frames' | 'firstHeader' | 'lastHeader' | 'firstTimeNs' | 'lastTimeNs'> {
  return {
    frames: undefined,
    firstHeader: undefined,
    lastHeader: undefined,
    firstTimeNs: 0n,
    lastTimeNs: durationNs,
  };
}

function rewrittenOf(captures: Readonly<Record<Side, CaptureReader>>): Rewritten | undefined {
  const notes = [captures.old, captures.new].map(({ info }) => info.notes[REWRITE_NOTE]);
  const parts = notes.flatMap((note) => note?.split(',') ?? []);
  if (parts.length === 0) return undefined;
  return {
    timestamps: parts.includes('timestamps'),
    sequence: parts.includes('sequence'),
    dialect: parts.some((part) => part.startsWith('dialect:')),
  };
}

function differenceWords(
  { onlyOld, onlyNew, reordered }: ClientComparison,
  names: Readonly<Record<Side, string>>,
): readonly string[] {
  const only = [
    { name: names.old, ranges: onlyOld },
    { name: names.new, ranges: onlyNew },
  ].filter(({ ranges }) => ranges.count > 0);
  return [
    ...only.map(
      ({ name, ranges }) =>
        `in ${name} alone the client sent ${ranges.count} messages or pieces (${formatBytes(ranges.bytes)})`,
    ),
    ...(reordered > 0 ? [`the client sent ${reordered} messages in another order`] : []),
  ];
}

/** File names, with their directories where the names alone are equal. */
function namesOf(old: string, neu: string): Readonly<Record<Side, string>> {
  const short = { old: basename(old), new: basename(neu) };
  return short.old === short.new ? { old, new: neu } : short;
}
