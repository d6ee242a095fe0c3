/** A scenario: clean traffic, some faults, the capture of both, and what a differ must say of it. */
import { CaptureWriter } from '../../src/capture/writer.ts';
import type { CaptureEvent, StreamKind } from '../../src/capture/types.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { makeRandom, type Random } from '../fuzz/random.ts';
import {
  CONNECTION_FAULTS,
  type ConnectionFault,
  type ConnectionTrouble,
  injectConnectionFault,
} from './connection-faults.ts';
import { type Expected, expectOf, readLeg, type SideReads } from './expect.ts';
import { FAULTS, MESSAGE_FAULTS, type MessageFault } from './faults.ts';
import { type TimedChunk, type TimedLeg, timeLeg, timeSends } from './timing.ts';
import {
  type ConnectionPlan,
  type Delivery,
  type Leg,
  makeTraffic,
  type SideName,
  type Traffic,
} from './traffic.ts';

export type FaultKind = MessageFault | ConnectionFault | 'none';

export const FAULT_KINDS: readonly FaultKind[] = [...MESSAGE_FAULTS, ...CONNECTION_FAULTS, 'none'];

/** - `single`: one fault, or none. - `many`: up to a hundred in one stream. */
export type ScenarioSize = 'single' | 'many';

export const LATE_AFTER_MS = 50;
export const LATE_AFTER_NS = LATE_AFTER_MS * 1e6;
const FAULTS_MAX = 100;

export interface Scenario {
  readonly dialect: Dialect;
  readonly traffic: Traffic;
  /** Kind of each fault, by its number. */
  readonly faults: readonly FaultKind[];
  readonly troubles: readonly ConnectionTrouble[];
  readonly reads: ReadonlyMap<number, SideReads>;
  readonly expected: readonly Expected[];
  writeTo(path: string, variant?: Variant): void;
}

/** - `mirrored`: old is new, and new is old. - `twins`: both are what old is. - `cut`: in smaller chunks. */
export type Variant = 'mirrored' | 'twins' | 'cut';

export interface ScenarioRequest {
  readonly seed: number;
  readonly run: number;
  readonly size: ScenarioSize;
  readonly dialects: readonly Dialect[];
  /** Only faults of this kind. */
  readonly kind?: FaultKind | undefined;
}

export function makeScenario({ seed, run, size, dialects, kind }: ScenarioRequest): Scenario {
  const random = makeRandom(seed, run);
  const dialect = random.pick(dialects);
  // Each kind gets its turn, whatever the seed.
  const wanted = kind ?? FAULT_KINDS[run % FAULT_KINDS.length] ?? 'none';
  const needsTrust =
    size === 'many' || wanted === 'garbage' || wanted === 'truncated' || wanted === 'flip-framing';
  const messages = size === 'single' ? 1 + random.below(60) : 200 + random.below(300);
  const traffic = makeTraffic(random, { dialect, messages, wrongChecksums: !needsTrust });
  const { faults, troubles } =
    size === 'single'
      ? injectOne(traffic, random, wanted)
      : injectMany(traffic, random, kind === undefined ? undefined : wanted);
  const silence = troubles.length === 0 ? silenceOf(traffic) : [];
  const timed = new Map(traffic.legs.map((leg) => [leg, timeLeg(leg, random)]));
  const reads = readAll(traffic, timed);
  const expected = [
    ...[...reads].flatMap(([id, sides]) =>
      expectOf(id, sides, { lateAfterNs: LATE_AFTER_NS, shared: traffic.shared }),
    ),
    ...[...troubles, ...silence].map((trouble) => expectedOf(trouble)),
  ];
  const sends = new Map(
    traffic.connections.map(({ id }) => [
      id,
      timeSends(
        traffic.sent.filter((sent) => sent.connection === id),
        random,
      ),
    ]),
  );
  const writeTo = (path: string, variant?: Variant): void =>
    write(path, varied({ traffic, troubles, timed, sends }, variant));
  return { dialect, traffic, faults, troubles, reads, expected, writeTo };
}

interface Injected {
  readonly faults: readonly FaultKind[];
  readonly troubles: readonly ConnectionTrouble[];
}

const TRIES = 20;

function injectOne(traffic: Traffic, random: Random, kind: FaultKind): Injected {
  const nothing: Injected = { faults: [], troubles: [] };
  if (kind === 'none') return nothing;
  for (let tries = 0; tries < TRIES; tries++) {
    if (isConnectionFault(kind)) {
      const troubles = injectConnectionFault(kind, random, traffic);
      if (troubles !== undefined) return { faults: [kind], troubles };
      continue;
    }
    const leg = random.pick(traffic.legs);
    if (FAULTS[kind]({ random, traffic, leg, id: 0, isFree: isUntouched })) {
      return { faults: [kind], troubles: [] };
    }
  }
  return nothing;
}

function isConnectionFault(kind: FaultKind): kind is ConnectionFault {
  return CONNECTION_FAULTS.some((one) => one === kind);
}

const isUntouched = (delivery: Delivery): boolean => delivery.fault === undefined;

/** On both sides of one connection, no two of them on one message. */
function injectMany(traffic: Traffic, random: Random, only: FaultKind | undefined): Injected {
  const leg = random.pick(traffic.legs.filter((each) => each.deliveries.length > 0));
  const other = traffic.legs.find(
    (each) => each.connection === leg.connection && each.side !== leg.side,
  );
  const faults: FaultKind[] = [];
  const touched = new Set<number>();
  for (let left = 2 + random.below(FAULTS_MAX - 1); left > 0; left--) {
    const kind =
      only === undefined || only === 'none' || isConnectionFault(only)
        ? random.pick(MESSAGE_FAULTS)
        : only;
    const chosen = other === undefined || random.chance(0.7) ? leg : other;
    const isFree = (delivery: Delivery): boolean =>
      isUntouched(delivery) && !touched.has(delivery.sent?.id ?? -1);
    const before = new Set(chosen.deliveries);
    if (!FAULTS[kind]({ random, traffic, leg: chosen, id: faults.length, isFree })) continue;
    faults.push(kind);
    const after = new Set(chosen.deliveries);
    for (const one of before) if (!after.has(one) && one.sent) touched.add(one.sent.id);
    for (const one of after) if (!before.has(one) && one.sent) touched.add(one.sent.id);
  }
  return { faults, troubles: [] };
}

/** A side of which every message was dropped forwards nothing: nobody can tell the one from the other. */
function silenceOf({ legs }: Traffic): readonly ConnectionTrouble[] {
  return (['old', 'new'] as const).flatMap((side) => {
    const isHeard = legs.some((leg) => leg.side === side && leg.deliveries.length > 0);
    if (isHeard) return [];
    return legs
      .filter((leg) => leg.side !== side && leg.deliveries.length > 0)
      .map(({ connection }) => ({ connection, side, event: 'never answered' as const, timeNs: 0 }));
  });
}

function readAll(
  traffic: Traffic,
  timed: ReadonlyMap<Leg, TimedLeg>,
): ReadonlyMap<number, SideReads> {
  const reads = new Map<number, SideReads>();
  const layout = traffic.dialect.header;
  for (const { id } of traffic.connections) {
    const read = (side: 'old' | 'new') => {
      const leg = traffic.legs.find((each) => each.connection === id && each.side === side);
      const times = leg && timed.get(leg);
      return leg === undefined || times === undefined
        ? { items: [], swallowed: new Map(), lost: new Map() }
        : readLeg(leg, times, layout);
    };
    reads.set(id, { old: read('old'), new: read('new') });
  }
  return reads;
}

function expectedOf({ connection, event }: ConnectionTrouble): Expected {
  return {
    kind: 'connection',
    connection,
    old: undefined,
    new: undefined,
    event,
    faults: new Set([0]),
  };
}

interface Recording {
  readonly traffic: Traffic;
  readonly troubles: readonly ConnectionTrouble[];
  readonly timed: ReadonlyMap<Leg, TimedLeg>;
  readonly sends: ReadonlyMap<number, readonly TimedChunk[]>;
}

function varied(recording: Recording, variant: Variant | undefined): Recording {
  const { traffic, troubles, timed } = recording;
  const timesOf = (connection: number, side: SideName): TimedLeg => {
    const leg = traffic.legs.find((each) => each.connection === connection && each.side === side);
    return (leg && timed.get(leg)) ?? { chunks: [], arrivalsNs: [] };
  };
  const other = (side: SideName): SideName => (side === 'old' ? 'new' : 'old');
  const replaced = (times: (leg: Leg) => TimedLeg): ReadonlyMap<Leg, TimedLeg> =>
    new Map(traffic.legs.map((leg) => [leg, times(leg)]));
  switch (variant) {
    case undefined:
      return recording;
    case 'mirrored':
      return {
        ...recording,
        timed: replaced(({ connection, side }) => timesOf(connection, other(side))),
        troubles: troubles.map((trouble) => ({ ...trouble, side: other(trouble.side) })),
      };
    case 'twins':
      return {
        ...recording,
        timed: replaced(({ connection }) => timesOf(connection, 'old')),
        troubles: [],
      };
    case 'cut':
      return {
        ...recording,
        timed: replaced(({ connection, side }) => cut(timesOf(connection, side))),
      };
  }
}

/** What arrives when stays as it is: only the chunks are others. */
function cut({ chunks, arrivalsNs }: TimedLeg): TimedLeg {
  const pieces = chunks.flatMap(({ bytes, timeNs }) => {
    const at = 1 + (bytes.length % 37);
    if (at >= bytes.length) return [{ bytes, timeNs }];
    return [
      { bytes: bytes.slice(0, at), timeNs },
      { bytes: bytes.slice(at), timeNs },
    ];
  });
  return { chunks: pieces, arrivalsNs };
}

type Happening =
  | {
      readonly timeNs: number;
      readonly connection: number;
      readonly stream: StreamKind;
      readonly bytes: Uint8Array;
    }
  | { readonly timeNs: number; readonly event: Omit<CaptureEvent, 'ordinal' | 'timeNs'> };

function write(path: string, { traffic, troubles, timed, sends }: Recording): void {
  const writer = CaptureWriter.create(path, {
    origin: 'record',
    writer: 'truth',
    startedUnixNs: 1_700_000_000_000_000_000n,
    dialect: traffic.dialect.name,
    layout: traffic.dialect.header,
    notes: {},
    protocolSchemas: new Map(),
  });
  const happenings: Happening[] = [];
  for (const plan of traffic.connections) {
    writer.addConnection({ id: plan.id, label: plan.label, openedNs: BigInt(plan.joinNs) });
    happenings.push(...membership(plan, troubles));
    for (const chunk of sends.get(plan.id) ?? []) {
      happenings.push({ ...chunk, connection: plan.id, stream: 'client' });
    }
  }
  for (const leg of traffic.legs) {
    for (const chunk of timed.get(leg)?.chunks ?? []) {
      happenings.push({ ...chunk, connection: leg.connection, stream: leg.side });
    }
  }
  const stop = { connection: undefined, stream: undefined, kind: 'stop' as const };
  happenings.push({ timeNs: traffic.endNs, event: { ...stop, details: { drained: 1 } } });
  happenings.sort((left, right) => left.timeNs - right.timeNs);
  const offsets = new Map<string, number>();
  happenings.forEach((happening, index) => {
    const at = { ordinal: index + 1, timeNs: BigInt(Math.round(happening.timeNs)) };
    if ('event' in happening) {
      writer.addEvent({ ...happening.event, ...at });
      return;
    }
    const { connection, stream, bytes } = happening;
    const key = `${connection} ${stream}`;
    const offset = offsets.get(key) ?? 0;
    writer.addChunk({ connection, stream, bytes, offset, ...at });
    offsets.set(key, offset + bytes.length);
  });
  writer.seal();
}

function* membership(
  { id, joinNs, leaveNs }: ConnectionPlan,
  troubles: readonly ConnectionTrouble[],
): Generator<Happening> {
  const event = (
    timeNs: number,
    kind: CaptureEvent['kind'],
    stream: StreamKind,
    details: CaptureEvent['details'] = {},
  ): Happening => ({ timeNs, event: { connection: id, stream, kind, details } });
  const own = troubles.filter((trouble) => trouble.connection === id);
  for (const side of ['old', 'new'] as const) {
    const trouble = own.find((each) => each.side === side);
    if (trouble?.event === 'refused') {
      yield event(joinNs, 'upstream-failed', side, { code: 'ECONNREFUSED' });
      continue;
    }
    yield event(joinNs, 'upstream-open', side);
    if (trouble?.event === 'closed early') yield event(trouble.timeNs, 'close', side);
    else yield event(leaveNs + 500_000, 'close', side);
  }
  yield event(leaveNs, 'close', 'client');
}
