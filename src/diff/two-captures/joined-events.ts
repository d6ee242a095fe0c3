/**
 * The events of two recordings as those of one: clients as they were in the first, the relay of the first as old, that
 * of the second as new. What a relay did after its client had left comes after the client left in the first one, too:
 * it was an answer to that.
 */
import { mergeSorted } from '../../lib/merge-sorted.ts';
import type { CaptureEvent, CaptureReader, Side } from '../../capture/types.ts';
import { TRAFFIC_NOTE } from '../connection-history.ts';
import type { JoinedConnection } from './joined-capture.ts';

interface EventSources {
  readonly old: CaptureReader;
  readonly new: CaptureReader;
  /** Whose output of the second recording is the new side. */
  readonly newSide: Side;
  readonly connections: readonly JoinedConnection[];
  readonly mapNs: (timeNs: number) => number;
  /** Sentences on what differs in the traffic itself, by connection. */
  readonly differences: ReadonlyMap<number, readonly string[]>;
}

/** Of one client. */
interface Visit {
  readonly openedNs: number;
  /** undefined: it was there when the recording ended. */
  closedNs: number | undefined;
}

type Phase = 'running' | 'stopped';

interface Placed {
  readonly event: CaptureEvent;
  readonly phase: Phase;
}

export function* joinEvents(sources: EventSources): Generator<CaptureEvent> {
  const isTold = tellsOfRelay(sources.old, 'old') && tellsOfRelay(sources.new, sources.newSide);
  const isKept = ({ event }: Placed): boolean => isTold || !isOfRelay(event);
  const oldEvents = [...ofFirst(sources)].filter(isKept);
  const newEvents = [...ofSecond(sources)].filter(isKept);
  yield* merged('running', newEvents, oldEvents);
  for (const [connection, sentences] of sources.differences) {
    for (const sentence of sentences) {
      const details = { [TRAFFIC_NOTE]: sentence };
      yield eventAt(endNsOf(sources), { connection, stream: 'client', kind: 'note', details });
    }
  }
  const stop = stopOf(sources);
  if (stop !== undefined) yield stop;
  yield* merged('stopped', newEvents, oldEvents);
}

function isOfRelay({ stream }: CaptureEvent): boolean {
  return stream === 'old' || stream === 'new';
}

/** An import may know nothing of when a relay accepted and left: then that cannot be compared. */
function tellsOfRelay(capture: CaptureReader, side: Side): boolean {
  for (const { stream, kind } of capture.events()) {
    if (stream === side && kind !== 'note') return true;
  }
  return false;
}

function merged(phase: Phase, ...sources: readonly (readonly Placed[])[]): Iterable<CaptureEvent> {
  const ofPhase = sources.map((source) =>
    source
      .filter((placed) => placed.phase === phase)
      .map(({ event }) => event)
      .sort(inOrderOfTime),
  );
  return mergeSorted(ofPhase, inOrderOfTime);
}

function inOrderOfTime(left: CaptureEvent, right: CaptureEvent): number {
  return Number(left.timeNs - right.timeNs);
}

/** Times stand for ordinals: those of two recordings tell nothing about each other. */
function eventAt(
  timeNs: number,
  event: Pick<CaptureEvent, 'connection' | 'stream' | 'kind' | 'details'>,
): CaptureEvent {
  const { connection, stream, kind, details } = event;
  return { ordinal: timeNs, timeNs: BigInt(timeNs), connection, stream, kind, details };
}

/** Where only one recording has the connection, how its relay treated it cannot be compared. */
function* ofFirst({ old, connections }: EventSources): Generator<Placed> {
  const byId = new Map(connections.flatMap((one) => (one.old ? [[one.old.id, one]] : [])));
  for (const { event, phase } of phased(old)) {
    // What is said of the recording: for instance of clients that its relay had besides.
    if (event.connection === undefined && event.kind !== 'stop') {
      yield { event: eventAt(Number(event.timeNs), event), phase };
      continue;
    }
    const connection = byId.get(event.connection ?? Number.NaN);
    if (connection === undefined || event.stream === 'new') continue;
    if (event.stream === 'old' && connection.new === undefined) continue;
    yield { event: eventAt(Number(event.timeNs), { ...event, connection: connection.id }), phase };
  }
}

function* ofSecond(sources: EventSources): Generator<Placed> {
  const byId = new Map(sources.connections.flatMap((one) => (one.new ? [[one.new.id, one]] : [])));
  const oldVisits = visitsOf(sources.old);
  const newVisits = visitsOf(sources.new);
  for (const { event, phase } of phased(sources.new)) {
    const connection = byId.get(event.connection ?? Number.NaN);
    if (connection?.new === undefined) continue;
    const { id } = connection;
    const timeNs = Number(event.timeNs);
    if (connection.old === undefined) {
      if (event.stream !== 'client') continue;
      yield { event: eventAt(sources.mapNs(timeNs), { ...event, connection: id }), phase };
      continue;
    }
    if (event.stream !== sources.newSide) continue;
    const visits = {
      old: oldVisits.get(connection.old.id),
      new: newVisits.get(connection.new.id),
    };
    const moment = momentOf(event, visits, sources.mapNs);
    yield {
      event: eventAt(moment ?? timeNs, { ...event, connection: id, stream: 'new' }),
      phase: moment === undefined ? 'stopped' : phase,
    };
  }
}

/** undefined: after everything else, because the client never left in the first recording. */
function momentOf(
  { kind, timeNs }: CaptureEvent,
  visits: { readonly old: Visit | undefined; readonly new: Visit | undefined },
  mapNs: (timeNs: number) => number,
): number | undefined {
  const { old, new: neu } = visits;
  const time = Number(timeNs);
  if (old === undefined || neu === undefined) return mapNs(time);
  if (neu.closedNs !== undefined && time >= neu.closedNs) {
    return old.closedNs === undefined ? undefined : Math.max(mapNs(time), old.closedNs + 1);
  }
  const sinceOpened = old.openedNs + time - neu.openedNs;
  const moment = kind === 'upstream-open' ? Math.min(sinceOpened, mapNs(time)) : mapNs(time);
  return Math.min(Math.max(moment, old.openedNs), (old.closedNs ?? Number.POSITIVE_INFINITY) - 1);
}

function* phased(capture: CaptureReader): Generator<Placed> {
  let phase: Phase = 'running';
  for (const event of capture.events()) {
    if (event.kind === 'stop') phase = 'stopped';
    yield { event, phase };
  }
}

function visitsOf(capture: CaptureReader): ReadonlyMap<number, Visit> {
  const visits = new Map<number, Visit>();
  for (const { id, openedNs } of capture.connections()) {
    visits.set(id, { openedNs: Number(openedNs), closedNs: undefined });
  }
  for (const { event, phase } of phased(capture)) {
    if (phase === 'stopped') break;
    if (event.stream !== 'client' || event.kind !== 'close') continue;
    const visit = visits.get(event.connection ?? Number.NaN);
    if (visit !== undefined) visit.closedNs ??= Number(event.timeNs);
  }
  return visits;
}

interface Ending {
  readonly endNs: number;
  readonly drained: string | number | undefined;
}

function endingOf(capture: CaptureReader): Ending {
  for (const { kind, timeNs, details } of capture.events()) {
    if (kind === 'stop') return { endNs: Number(timeNs), drained: details['drained'] };
  }
  return { endNs: Number(capture.info.durationNs), drained: undefined };
}

/** What one recording has and the other was cut off from is not known; what both had time for is. */
function endNsOf({ old, new: neu, mapNs }: EventSources): number {
  const [first, second] = [endingOf(old), endingOf(neu)];
  const cutOff = [
    ...(isCutOff(old, first) ? [first.endNs] : []),
    ...(isCutOff(neu, second) ? [mapNs(second.endNs)] : []),
  ];
  return cutOff.length > 0 ? Math.min(...cutOff) : Math.max(first.endNs, mapNs(second.endNs));
}

function isCutOff({ info }: CaptureReader, { drained }: Ending): boolean {
  return !info.sealed || drained === 0;
}

/** `drained` says nothing where one of the two does not say it. */
function stopOf(sources: EventSources): CaptureEvent | undefined {
  const endings = [endingOf(sources.old), endingOf(sources.new)];
  const drained = endings.map((ending) => ending.drained);
  const isKnown = drained.every((value) => value !== undefined);
  return eventAt(endNsOf(sources), {
    connection: undefined,
    stream: undefined,
    kind: 'stop',
    details: isKnown ? { drained: drained.every((value) => value !== 0) ? 1 : 0 } : {},
  });
}
