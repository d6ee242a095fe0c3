/**
 * A part of the recorded traffic: which clients, messages, departures and borders of writes are left; what is to be done
 * in which order for it; and the capture of it, with what the old relay delivered of it as its promise. The only I/O is
 * writing that capture.
 */
import { type CaptureStart, CaptureWriter } from '../capture/writer.ts';
import { assertNever } from '../lib/assert.ts';
import type { Client, Leaving, Traffic, Unit } from './traffic.ts';

export interface Candidate {
  /** Ids of clients. */
  readonly clients: ReadonlySet<number>;
  /** Ids; of clients that are there. */
  readonly units: ReadonlySet<number>;
  /** Ids of clients that leave as they did; others stay. */
  readonly leaving: ReadonlySet<number>;
  /** Ids of recorded writes that go out with the one before them on their connection. */
  readonly joined: ReadonlySet<number>;
}

export interface PlannedWrite {
  readonly kind: 'write';
  readonly client: Client;
  /** Id of the recorded write that it begins with, and those that joined it. */
  readonly writes: number[];
  readonly parts: Uint8Array[];
  /** Units that end in it. */
  readonly ended: Unit[];
  /** Units of which it has bytes. */
  readonly touched: Set<Unit>;
  readonly ordinal: number;
  readonly timeNs: bigint;
}

export type PlannedStep =
  | PlannedWrite
  | {
      readonly kind: 'open';
      readonly client: Client;
      readonly ordinal: number;
      readonly timeNs: bigint;
    }
  | ({ readonly kind: 'leave'; readonly client: Client; readonly how: Leaving } & Pick<
      Leaving,
      'ordinal' | 'timeNs'
    >);

/** - `tight`: as fast as it goes, one after the other.   - `recorded`: at the recorded times. */
export type Timing = 'tight' | 'recorded';

/** The same for candidates that do the same. */
export function candidateKey({ clients, units, leaving, joined }: Candidate): string {
  return [clients, units, leaving, joined]
    .map((ids) => [...ids].sort((left, right) => left - right).join(','))
    .join(' ');
}

/** In recorded order. */
export function planSteps(traffic: Traffic, candidate: Candidate): readonly PlannedStep[] {
  const clients = new Map(
    traffic.clients
      .filter(({ id }) => candidate.clients.has(id))
      .map((client) => [client.id, client]),
  );
  const steps: PlannedStep[] = [];
  for (const client of clients.values()) {
    steps.push({ kind: 'open', client, ordinal: client.openOrdinal, timeNs: client.openNs });
    if (!candidate.leaving.has(client.id)) continue;
    for (const how of client.leaving)
      steps.push({ kind: 'leave', client, how, ordinal: how.ordinal, timeNs: how.timeNs });
  }
  steps.push(...planWrites(traffic, candidate, clients));
  return steps.sort((left, right) => left.ordinal - right.ordinal);
}

function planWrites(
  traffic: Traffic,
  candidate: Candidate,
  clients: ReadonlyMap<number, Client>,
): readonly PlannedWrite[] {
  const queues = new Map<number, Unit[]>();
  for (const unit of traffic.units) {
    if (!candidate.units.has(unit.id)) continue;
    const queue = queues.get(unit.connection);
    if (queue === undefined) queues.set(unit.connection, [unit]);
    else queue.push(unit);
  }
  const heads = new Map<number, number>();
  const last = new Map<number, PlannedWrite>();
  const planned: PlannedWrite[] = [];
  for (const { id, connection, offset, length, ordinal, timeNs } of traffic.writes) {
    const client = clients.get(connection);
    const queue = queues.get(connection) ?? [];
    if (client === undefined) continue;
    let write = candidate.joined.has(id) ? last.get(connection) : undefined;
    let head = heads.get(connection) ?? 0;
    for (let unit = queue[head]; unit !== undefined; unit = queue[head]) {
      const end = unit.offset + unit.bytes.length;
      const [from, to] = [Math.max(offset, unit.offset), Math.min(offset + length, end)];
      if (from >= to) break;
      if (write === undefined) {
        write = {
          kind: 'write',
          client,
          writes: [],
          parts: [],
          ended: [],
          touched: new Set(),
          ordinal,
          timeNs,
        };
        planned.push(write);
        last.set(connection, write);
      }
      write.parts.push(unit.bytes.subarray(from - unit.offset, to - unit.offset));
      write.touched.add(unit);
      if (write.writes.at(-1) !== id) write.writes.push(id);
      if (to < end) break;
      write.ended.push(unit);
      head += 1;
    }
    heads.set(connection, head);
  }
  return planned;
}

const TIGHT_STEP_NS = 20_000n;
/** After the step that it follows: what a delivery says is the order, not the time. */
const DELIVERY_NS = 5_000n;

/** Writes it as a sealed capture, in which the old relay delivers what it delivered of it. */
export function writeCandidate(
  path: string,
  start: CaptureStart,
  {
    traffic,
    candidate,
    timing,
  }: {
    readonly traffic: Traffic;
    readonly candidate: Candidate;
    readonly timing: Timing;
  },
): void {
  const steps = planSteps(traffic, candidate);
  const deliveries = planDeliveries(traffic, candidate, steps);
  const writer = CaptureWriter.create(path, start);
  const offsets = new Map<string, number>();
  let ordinal = 0;
  let timeNs = 0n;
  const originNs = steps[0]?.timeNs ?? 0n;
  const add = (client: Client, stream: 'client' | 'old', bytes: Uint8Array): void => {
    const key = `${client.id}/${stream}`;
    const offset = offsets.get(key) ?? 0;
    ordinal += 1;
    writer.addChunk({ connection: client.id, stream, ordinal, timeNs, offset, bytes });
    offsets.set(key, offset + bytes.length);
  };
  const note = (
    connection: number | undefined,
    stream: 'client' | 'old' | undefined,
    kind: 'open' | 'upstream-open' | 'stop' | Leaving['kind'],
    details: Readonly<Record<string, string | number>> = {},
  ): void => {
    ordinal += 1;
    writer.addEvent({ ordinal, timeNs, connection, stream, kind, details });
  };
  for (const [index, step] of steps.entries()) {
    const { client } = step;
    const recordedNs = step.timeNs - originNs;
    timeNs =
      timing === 'tight' ? timeNs + TIGHT_STEP_NS : recordedNs > timeNs ? recordedNs : timeNs;
    switch (step.kind) {
      case 'open':
        writer.addConnection({ id: client.id, label: client.label, openedNs: timeNs });
        note(client.id, 'client', 'open');
        note(client.id, 'old', 'upstream-open');
        break;
      case 'write':
        add(client, 'client', Buffer.concat(step.parts));
        break;
      case 'leave': {
        const { kind, code } = step.how;
        note(client.id, 'client', kind, code === undefined ? {} : { code });
        if (kind === 'close') note(client.id, 'old', 'close');
        break;
      }
      default:
        assertNever(step, 'step');
    }
    timeNs += DELIVERY_NS;
    for (const { to, unit } of deliveries.get(index) ?? []) add(to, 'old', unit.bytes);
  }
  timeNs += TIGHT_STEP_NS;
  note(undefined, undefined, 'stop', { drained: 1 });
  writer.seal();
}

interface PromisedDelivery {
  readonly to: Client;
  readonly unit: Unit;
}

/** By the index of the step that they follow: the one with the last byte, or a later one that keeps the receiver's order. */
function planDeliveries(
  traffic: Traffic,
  candidate: Candidate,
  steps: readonly PlannedStep[],
): ReadonlyMap<number, readonly PromisedDelivery[]> {
  const stepOf = new Map<number, number>();
  for (const [index, step] of steps.entries()) {
    if (step.kind === 'write') for (const unit of step.ended) stepOf.set(unit.id, index);
  }
  const deliveries = new Map<number, PromisedDelivery[]>();
  for (const to of traffic.clients) {
    if (!candidate.clients.has(to.id)) continue;
    let after = steps.findIndex((step) => step.kind === 'open' && step.client === to);
    for (const id of to.received) {
      const unit = traffic.units[id];
      const step = stepOf.get(id);
      if (unit === undefined || step === undefined) continue;
      after = Math.max(after, step);
      const list = deliveries.get(after);
      if (list === undefined) deliveries.set(after, [{ to, unit }]);
      else list.push({ to, unit });
    }
  }
  return deliveries;
}
