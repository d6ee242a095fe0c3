/**
 * Which connection and stream the units of another program's file are of. Interfaces, directions and process ids are
 * all there is to tell by; where they do not tell enough, the user is asked instead of guessing.
 */
import { STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { type Lane, PROCESS_HEAD_BYTES, type ProcessPair, type UnitScan } from './scan-units.ts';
import type { IndexedUnit } from './unit-index.ts';

/** How each unit begins: with process ids as those of sockdump do, or with the bytes of the stream. */
export const UNIT_HEADS = ['auto', 'sockdump', 'none'] as const;
export type UnitHead = (typeof UNIT_HEADS)[number];

export interface MapOptions {
  readonly unitHead: UnitHead;
  /** Which process is the relay, where units name processes. */
  readonly relayPid: number | undefined;
  /** What units are that have no direction. */
  readonly stream: StreamKind;
}

/** Where a unit belongs. */
export interface Route {
  readonly connection: number;
  readonly stream: StreamKind;
  /** Bytes at its beginning that are not of the stream. */
  readonly headBytes: number;
}

export interface MappedConnection {
  readonly id: number;
  readonly label: string;
  /** Its streams, in the order of the enumeration. */
  readonly streams: readonly StreamKind[];
}

export interface UnitMap {
  readonly connections: readonly MappedConnection[];
  /** Undefined: it is of none. */
  readonly routeOf: (unit: Pick<IndexedUnit, 'lane' | 'pair'>) => Route | undefined;
}

/** Throws USAGE when the file does not say which process is the relay. */
export function mapUnits(file: string, scan: UnitScan, options: MapOptions): UnitMap {
  if (options.unitHead === 'sockdump' && scan.pairs === undefined) {
    throw new OperatingError('USAGE', `${file}: not every unit begins with two process ids`, {
      hint: 'Leave --unit-head away, or give none.',
    });
  }
  const hasPairs = scan.pairs !== undefined && scan.pairs.length > 0 && options.unitHead !== 'none';
  return hasPairs ? mapPairs(file, scan.pairs, options.relayPid) : mapLanes(scan.lanes, options);
}

function mapPairs(
  file: string,
  pairs: readonly ProcessPair[],
  relayPid: number | undefined,
): UnitMap {
  const relay = relayPid ?? relayOf(file, pairs);
  const others = pairs.map(({ from, to }) => {
    if (from === relay) return to;
    return to === relay ? from : undefined;
  });
  const clients = [...new Set(others)].filter((pid) => pid !== undefined);
  if (clients.length === 0) throw whichRelay(file, pairs, `process ${relay} is in no unit`);
  const routes = pairs.map(({ from }, index): Route | undefined => {
    const client = others[index];
    if (client === undefined) return undefined;
    return {
      connection: clients.indexOf(client) + 1,
      stream: from === relay ? 'old' : 'client',
      headBytes: PROCESS_HEAD_BYTES,
    };
  });
  const connections = clients.map((pid, index) => ({ id: index + 1, label: `pid ${pid}` }));
  return {
    connections: withStreams(connections, routes),
    routeOf: ({ pair }) => routes[pair],
  };
}

/** The one process that is in all pairs, when there are several. */
function relayOf(file: string, pairs: readonly ProcessPair[]): number {
  const [first] = pairs;
  const candidates = [first?.from, first?.to].filter(
    (pid): pid is number =>
      pid !== undefined && pairs.every(({ from, to }) => from === pid || to === pid),
  );
  const [only, second] = [...new Set(candidates)];
  if (only !== undefined && second === undefined) return only;
  throw whichRelay(file, pairs, 'it does not tell which process is the relay');
}

const PAIRS_SHOWN = 10;

function whichRelay(file: string, pairs: readonly ProcessPair[], what: string): OperatingError {
  const shown = pairs.slice(0, PAIRS_SHOWN);
  const list = shown.map(({ from, to, units }) => `${from} to ${to} (${units} units)`).join(', ');
  const more = pairs.length > PAIRS_SHOWN ? `, and ${pairs.length - PAIRS_SHOWN} more` : '';
  return new OperatingError('USAGE', `${file}: ${what}: ${list}${more}`, {
    hint: 'Name it with --relay-pid.',
  });
}

/** `3 publisher old`, as relaydiff names the interfaces of its own files. */
const OWN_NAME = /^(\d{1,9}) (.+) (client|old|new)$/;

function mapLanes(lanes: readonly Lane[], options: MapOptions): UnitMap {
  const connections = new Map<string, { readonly id: number; readonly label: string }>();
  const named = lanes.map(({ name }) => ownName(name));
  let lastId = Math.max(0, ...named.map((own) => own?.id ?? 0));
  const routes = lanes.map(({ name, direction }, index): Route => {
    const own = named[index];
    const key = own === undefined ? `interface ${name ?? index}` : `own ${own.id}`;
    let connection = connections.get(key);
    if (connection === undefined) {
      connection = own ?? { id: (lastId += 1), label: name ?? `interface ${index}` };
      connections.set(key, { id: connection.id, label: connection.label });
    }
    const ofDirection = direction === 'inbound' ? 'client' : 'old';
    const stream = direction === undefined ? options.stream : ofDirection;
    return { connection: connection.id, stream: own?.stream ?? stream, headBytes: 0 };
  });
  return {
    connections: withStreams([...connections.values()], routes),
    routeOf: ({ lane }) => routes[lane],
  };
}

function withStreams(
  connections: readonly Omit<MappedConnection, 'streams'>[],
  routes: readonly (Route | undefined)[],
): readonly MappedConnection[] {
  return connections.map((row) => ({
    ...row,
    streams: STREAM_KINDS.filter((kind) =>
      routes.some((route) => route?.connection === row.id && route.stream === kind),
    ),
  }));
}

function ownName(
  name: string | undefined,
): { readonly id: number; readonly label: string; readonly stream: StreamKind } | undefined {
  const [, id, label, kind] = OWN_NAME.exec(name ?? '') ?? [];
  const stream = STREAM_KINDS.find((known) => known === kind);
  if (id === undefined || label === undefined || stream === undefined || Number(id) === 0)
    return undefined;
  return { id: Number(id), label, stream };
}
