/**
 * The status as metrics for Prometheus. Pure: a registry of its own for each status, so nothing is remembered
 * between two of them. Labels are words of the code (stream, side, place, reason), never what a peer chose, so
 * that their number is bounded. docs/monitoring.md says what each means; a test compares the two.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { STREAM_KINDS } from '../capture/types.ts';
import { PROBLEM_REASONS, type Status, WARNING_REASONS } from './status.ts';

export const METRICS_CONTENT_TYPE: string = Registry.PROMETHEUS_CONTENT_TYPE;

const PREFIX = 'relaydiff_';
const SIDES = ['old', 'new'] as const;

type Labels = Readonly<Record<string, string>>;
type Value = readonly [labels: Labels, value: number];

/** Prometheus text, version 0.0.4. What nobody counts is left out, not 0. */
export async function renderMetrics(status: Status): Promise<string> {
  const registry = new Registry();
  addRecording(registry, status);
  addStreams(registry, status);
  addRelays(registry, status);
  addWaiting(registry, status);
  addLosses(registry, status);
  addProcess(registry, status);
  return registry.metrics();
}

function addRecording(registry: Registry, status: Status): void {
  const { version, verb, problems, warnings } = status;
  gauge(registry, 'info', 'What runs here; always 1', [[{ version, verb }, 1]]);
  gauge(registry, 'ready', '1 when /ready answers 200', [
    [{}, status.state === 'not-ready' ? 0 : 1],
  ]);
  gauge(
    registry,
    'problem',
    '1 while the recording is not ready for this reason',
    PROBLEM_REASONS.map((reason) => [{ reason }, has(problems, reason)]),
  );
  gauge(
    registry,
    'warning',
    '1 while an operator should look at this',
    WARNING_REASONS.map((reason) => [{ reason }, has(warnings, reason)]),
  );
  gauge(registry, 'clients', 'Clients that are connected', [[{}, status.clients]]);
  gauge(registry, 'lingering_connections', 'Their client has left, a relay has not closed yet', [
    [{}, status.lingering],
  ]);
  counter(registry, 'connections_total', 'Client connections since the start', [
    [{}, status.connections],
  ]);
  counter(registry, 'troubles_total', 'Troubles told to the operator', [
    [{}, status.troubles.told],
  ]);
}

function addStreams(registry: Registry, { streams }: Status): void {
  const each = (pick: (stream: Status['streams']['client']) => number | null): readonly Value[] =>
    STREAM_KINDS.flatMap((stream) => {
      const value = pick(streams[stream]);
      return value === null ? [] : [[{ stream }, value] as const];
    });
  counter(
    registry,
    'stream_seen_bytes_total',
    'Bytes that passed',
    each(({ seenBytes }) => seenBytes),
  );
  counter(
    registry,
    'stream_recorded_bytes_total',
    'Bytes handed to the writer',
    each(({ recordedBytes }) => recordedBytes),
  );
  counter(
    registry,
    'stream_gap_bytes_total',
    'Bytes that passed but were not recorded',
    each(({ gapBytes }) => gapBytes),
  );
  counter(
    registry,
    'stream_frames_total',
    'Frames that passed',
    each(({ frames }) => frames),
  );
}

function addRelays(registry: Registry, { relays }: Status): void {
  const each = (pick: (relay: Status['relays']['old']) => number): readonly Value[] =>
    SIDES.map((side) => [{ side }, pick(relays[side])]);
  gauge(
    registry,
    'relay_reachable',
    '1 unless the relay refused, or ended its last connection',
    each(({ reachable }) => Number(reachable)),
  );
  gauge(
    registry,
    'relay_connections',
    'Open connections to the relay',
    each(({ connected }) => connected),
  );
  counter(
    registry,
    'relay_opened_total',
    'Connections that the relay accepted',
    each(({ opened }) => opened),
  );
  counter(
    registry,
    'relay_reconnects_total',
    'Connections opened again for a client that had lost its first one',
    each(({ reopened }) => reopened),
  );
  counter(
    registry,
    'relay_failures_total',
    'Connections that the relay did not accept',
    each(({ failed }) => failed),
  );
  counter(
    registry,
    'relay_left_total',
    'Connections that the relay ended while their client was there',
    each(({ left }) => left),
  );
}

function addWaiting(registry: Registry, { mirror, spool, file }: Status): void {
  gauge(registry, 'mirror_queued_bytes', 'Bytes that wait for the mirror', [
    [{}, mirror.queuedBytes],
  ]);
  gauge(registry, 'mirror_queue_limit_bytes', 'What may wait for the mirror, in all', [
    [{}, mirror.queuedBytesMax],
  ]);
  gauge(registry, 'mirror_lag_seconds', 'Age of the oldest bytes that wait for the mirror', [
    [{}, mirror.lagSeconds],
  ]);
  gauge(registry, 'spool_bytes', 'What waits for the disk, with what its rows weigh', [
    [{}, spool.bytes],
  ]);
  gauge(registry, 'spool_limit_bytes', 'What may wait for the disk', [[{}, spool.bytesMax]]);
  gauge(
    registry,
    'capture_file_bytes',
    'What the capture takes on disk',
    file.bytes === null ? [] : [[{}, file.bytes]],
  );
}

function addLosses(registry: Registry, { gaps, lostEvents }: Status): void {
  const each = (pick: (gap: Status['gaps'][number]) => number): readonly Value[] =>
    gaps.map((gap) => [{ place: gap.where, reason: gap.reason }, pick(gap)]);
  counter(
    registry,
    'gaps_total',
    'Gaps that were begun',
    each((gap) => gap.gaps),
  );
  counter(
    registry,
    'gap_bytes_total',
    'Bytes in gaps',
    each(({ bytes }) => bytes),
  );
  counter(
    registry,
    'gap_frames_total',
    'Whole frames in gaps, where they could be counted',
    each(({ frames }) => frames),
  );
  counter(registry, 'lost_events_total', 'Events that are not in the capture', [[{}, lostEvents]]);
}

/** Under the names that every exporter uses for them. */
function addProcess(registry: Registry, { process, startedTime }: Status): void {
  const plain = { registers: [registry] };
  new Gauge({
    ...plain,
    name: 'process_resident_memory_bytes',
    help: 'Resident memory',
  }).set(process.residentBytes);
  new Gauge({
    ...plain,
    name: 'process_start_time_seconds',
    help: 'Start of the recording, Unix time',
  }).set(Date.parse(startedTime) / 1_000);
  new Counter({
    ...plain,
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time',
  }).inc(process.cpuSeconds);
  gauge(registry, 'loop_utilization_ratio', 'Part of the last second the main thread was busy', [
    [{}, process.loopUtilization],
  ]);
}

/** Without a value there is no metric: prom-client would say 0. */
function gauge(registry: Registry, name: string, help: string, values: readonly Value[]): void {
  if (values.length === 0) return;
  const metric = new Gauge({ ...describe(name, help, values), registers: [registry] });
  for (const [labels, value] of values) metric.set({ ...labels }, value);
}

function counter(registry: Registry, name: string, help: string, values: readonly Value[]): void {
  if (values.length === 0) return;
  const metric = new Counter({ ...describe(name, help, values), registers: [registry] });
  for (const [labels, value] of values) metric.inc({ ...labels }, value);
}

function describe(
  name: string,
  help: string,
  values: readonly Value[],
): { name: string; help: string; labelNames: string[] } {
  return { name: `${PREFIX}${name}`, help, labelNames: Object.keys(values[0]?.[0] ?? {}) };
}

function has(reasons: readonly { readonly reason: string }[], reason: string): number {
  return reasons.some((each) => each.reason === reason) ? 1 : 0;
}
