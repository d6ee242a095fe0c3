/**
 * Records of what another program recorded: every unit is a chunk, in the order of times; bytes that it cut away are
 * gaps. When connections were opened and closed such a file does not say: they open with their first byte.
 */
import { basename } from 'node:path';
import { STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import { streamKey } from '../capture/writer.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { importInvalid } from './import-records.ts';
import type { InputFile } from './input-file.ts';
import { type MapOptions, mapUnits, type Route, type UnitMap } from './map-units.ts';
import {
  type CaptureRecord,
  type HeadRecord,
  type Placed,
  RECORDS_FORMAT,
  RecordTally,
} from './record.ts';
import { TIME_NS_MAX } from './record-shapes.ts';
import { scanPcap, scanPcapng, type UnitScan } from './scan-units.ts';
import type { IndexedUnit } from './unit-index.ts';

export interface UnitsStart extends MapOptions {
  /** Version of relaydiff. */
  readonly writer: string;
  readonly dialect: string;
  readonly protocolSchemas: ReadonlyMap<string, string>;
  readonly keepsPartial: boolean;
}

/** Why bytes are missing that the other program did not keep. */
const CUT_AWAY = 'cut-by-recorder';

/** Throws IMPORT_INVALID where the file makes no sense, and USAGE when it does not tell which process is the relay. */
export function* parseUnits(
  input: InputFile,
  format: UnitScan['format'],
  start: UnitsStart,
  onRead: (bytes: number) => void,
): Generator<Placed<CaptureRecord>> {
  const scan = format === 'pcapng' ? scanPcapng(input, onRead) : scanPcap(input, onRead);
  if (scan.fault !== undefined && !start.keepsPartial) throw withCount(scan.fault, scan);
  if (scan.units.count === 0) throw scan.fault ?? nothingIn(input.path, scan);
  const tally = new RecordTally();
  for (const value of new UnitRecords(input, scan, start).records()) {
    tally.add(value.value);
    yield value;
  }
  if (scan.fault !== undefined) throw scan.fault;
  yield { value: { record: 'end', counts: tally.counts }, place: `byte ${input.size}` };
}

function withCount(fault: OperatingError, { units }: UnitScan): OperatingError {
  return new OperatingError(
    'IMPORT_INVALID',
    `${fault.message}; before it stand ${units.count} units`,
    {
      ...(fault.hint !== undefined && { hint: fault.hint }),
      cause: fault,
    },
  );
}

function nothingIn(file: string, { passedOver }: UnitScan): OperatingError {
  const what = passedOver.size === 0 ? '' : ` (but ${listOf(passedOver)})`;
  return importInvalid(
    file,
    'as a whole',
    `it holds no unit of a link type USER0 to USER15, as recorders of Unix sockets write them${what}`,
  );
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${count} ${what}`).join(', ');
}

class UnitRecords {
  readonly #input: InputFile;
  readonly #scan: UnitScan;
  readonly #start: UnitsStart;
  readonly #map: UnitMap;
  /** Of the units, by time. */
  readonly #order: Uint32Array;
  readonly #startedUnixNs: bigint;
  /** Where each stream ends so far, by `streamKey`. */
  readonly #ends = new Map<string, number>();
  readonly #opened = new Set<number>();
  #ordinal = 0;
  #gaps = 0;

  constructor(input: InputFile, scan: UnitScan, start: UnitsStart) {
    this.#input = input;
    this.#scan = scan;
    this.#start = start;
    this.#map = mapUnits(input.path, scan, start);
    this.#order = scan.units.inOrder();
    this.#startedUnixNs = scan.units.at(this.#order[0] ?? 0).unixNs;
  }

  *records(): Generator<Placed<CaptureRecord>> {
    yield* this.#beginning();
    for (const index of this.#order) {
      const unit = this.#scan.units.at(index);
      const route = this.#map.routeOf(unit);
      if (route !== undefined) yield* this.#unit(unit, route);
    }
  }

  *#beginning(): Generator<Placed<CaptureRecord>> {
    const { writer, dialect, protocolSchemas } = this.#start;
    const place = 'byte 0';
    const head: HeadRecord = {
      record: 'head',
      format: RECORDS_FORMAT,
      origin: 'import',
      writer,
      exporter: writer,
      startedUnixNs: this.#startedUnixNs,
      dialect,
      sealed: true,
      set: undefined,
      notes: this.#notes(),
    };
    yield { value: head, place };
    for (const [name, yaml] of protocolSchemas)
      yield { value: { record: 'schema', name, yaml }, place };
    const firstNs = this.#firstNs();
    for (const { id, label } of this.#map.connections) {
      const openedNs = firstNs.get(id) ?? 0n;
      yield { value: { record: 'connection', id, label, openedNs }, place };
    }
    for (const { id, streams } of this.#map.connections) {
      for (const stream of streams)
        yield { value: { record: 'stream', connection: id, stream }, place };
    }
  }

  #notes(): Readonly<Record<string, string>> {
    const { format, passedOver, timeless } = this.#scan;
    const left = new Map(passedOver);
    const lost = this.#countLeftOut();
    if (lost > 0) left.set('units between other processes', lost);
    return {
      source: `${format} file ${basename(this.#input.path)}`,
      ...(left.size > 0 && { 'left out': listOf(left) }),
      ...(timeless > 0 && { 'units without a time': String(timeless) }),
    };
  }

  #countLeftOut(): number {
    return (this.#scan.pairs ?? []).reduce(
      (sum, { units }, pair) =>
        this.#map.routeOf({ lane: 0, pair }) === undefined ? sum + units : sum,
      0,
    );
  }

  /** A connection is known from its first byte on. */
  #firstNs(): ReadonlyMap<number, bigint> {
    const first = new Map<number, bigint>();
    for (const index of this.#order) {
      const unit = this.#scan.units.at(index);
      const route = this.#map.routeOf(unit);
      if (route === undefined || first.has(route.connection)) continue;
      first.set(route.connection, this.#timeNs(unit));
      if (first.size === this.#map.connections.length) break;
    }
    return first;
  }

  *#unit(unit: IndexedUnit, route: Route): Generator<Placed<CaptureRecord>> {
    const { connection, stream, headBytes } = route;
    const place = `byte ${unit.bytesAt}`;
    const timeNs = this.#timeNs(unit);
    if (!this.#opened.has(connection)) yield* this.#openings(connection, timeNs, place);
    const key = streamKey(connection, stream);
    let offset = this.#ends.get(key) ?? 0;
    const bytes = this.#input.read(unit.bytesAt, unit.bytes).subarray(headBytes);
    if (bytes.length > 0) {
      const ordinal = (this.#ordinal += 1);
      yield {
        value: { record: 'chunk', connection, stream, ordinal, timeNs, offset, bytes },
        place,
      };
      offset += bytes.length;
    }
    const missing = unit.originalBytes - headBytes - bytes.length;
    if (missing > 0) {
      yield { value: this.#gap({ connection, stream, offset, bytes: missing }, timeNs), place };
      offset += missing;
    }
    this.#ends.set(key, offset);
  }

  /** What a comparison needs to see that both ends were there: the client, and the relay of each side that spoke. */
  *#openings(connection: number, timeNs: bigint, place: string): Generator<Placed<CaptureRecord>> {
    this.#opened.add(connection);
    const known = this.#map.connections.find(({ id }) => id === connection)?.streams ?? [];
    for (const stream of STREAM_KINDS) {
      if (stream === 'new' && !known.includes('new')) continue;
      const kind = stream === 'client' ? 'open' : 'upstream-open';
      const ordinal = (this.#ordinal += 1);
      yield {
        value: { record: 'event', ordinal, timeNs, connection, stream, kind, details: {} },
        place,
      };
    }
  }

  #gap(
    at: {
      readonly connection: number;
      readonly stream: StreamKind;
      readonly offset: number;
      readonly bytes: number;
    },
    timeNs: bigint,
  ): CaptureRecord {
    return {
      record: 'gap',
      index: this.#gaps++,
      ...at,
      where: 'recording',
      reason: CUT_AWAY,
      frames: undefined,
      firstHeader: undefined,
      lastHeader: undefined,
      firstTimeNs: timeNs,
      lastTimeNs: timeNs,
    };
  }

  #timeNs({ unixNs, bytesAt }: IndexedUnit): bigint {
    const timeNs = unixNs - this.#startedUnixNs;
    if (timeNs <= TIME_NS_MAX) return timeNs;
    const days = timeNs / 86_400_000_000_000n;
    const what = `it was recorded ${days} days after the first one; a capture holds 104`;
    throw importInvalid(this.#input.path, `byte ${bytesAt}`, what);
  }
}
