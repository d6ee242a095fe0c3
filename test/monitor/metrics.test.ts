import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { renderMetrics } from '../../src/monitor/metrics.ts';
import { liveStatus, lossyStatus, statusOf } from './sample.ts';

const LABELS = new Set(['stream', 'side', 'place', 'reason', 'version', 'verb']);

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format of Prometheus as strictly as a scraper. */
function parse(text: string): { readonly types: Map<string, string>; readonly series: Series[] } {
  const types = new Map<string, string>();
  const series: Series[] = [];
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const type = /^# TYPE (\w+) (\w+)$/.exec(line);
    if (type) types.set(type[1]!, type[2]!);
    if (line.startsWith('#')) continue;
    const match = /^([a-z_]+)(?:\{((?:[a-z_]+="[^"\\\n]*",?)+)\})? (\S+)$/.exec(line);
    expect(match, line).not.toBeNull();
    const pairs = [...(match![2] ?? '').matchAll(/([a-z_]+)="([^"]*)"/g)];
    series.push({
      name: match![1]!,
      labels: Object.fromEntries(pairs.map(([, key, value]) => [key, value])),
      value: Number(match![3]),
    });
  }
  return { types, series };
}

const { types, series } = parse(await renderMetrics(statusOf(lossyStatus())));

function valueOf(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
  const wanted = JSON.stringify(labels);
  return series.find((each) => each.name === name && JSON.stringify(each.labels) === wanted)?.value;
}

describe('the metrics', () => {
  it('are the numbers of the status, each under its labels', () => {
    expect(valueOf('relaydiff_stream_seen_bytes_total', { stream: 'old' })).toBe(3_000);
    expect(valueOf('relaydiff_stream_recorded_bytes_total', { stream: 'new' })).toBe(1_700);
    expect(valueOf('relaydiff_stream_gap_bytes_total', { stream: 'client' })).toBe(100);
    expect(valueOf('relaydiff_stream_frames_total', { stream: 'client' })).toBe(11);
    expect(valueOf('relaydiff_relay_connections', { side: 'old' })).toBe(40);
    expect(valueOf('relaydiff_relay_opened_total', { side: 'old' })).toBe(41);
    expect(valueOf('relaydiff_relay_reconnects_total', { side: 'new' })).toBe(52);
    expect(valueOf('relaydiff_relay_failures_total', { side: 'new' })).toBe(53);
    expect(valueOf('relaydiff_relay_left_total', { side: 'new' })).toBe(54);
    expect(valueOf('relaydiff_mirror_lag_seconds')).toBe(6.5);
    expect(valueOf('relaydiff_mirror_queued_bytes')).toBe(7_000);
    expect(valueOf('relaydiff_spool_bytes')).toBe(8_000);
    expect(valueOf('relaydiff_capture_file_bytes')).toBe(123_456);
    expect(valueOf('relaydiff_lost_events_total')).toBe(8);
    expect(valueOf('relaydiff_clients')).toBe(3);
    expect(valueOf('relaydiff_connections_total')).toBe(17);
    expect(valueOf('relaydiff_ready')).toBe(1);
    expect(valueOf('relaydiff_problem', { reason: 'new-unreachable' })).toBe(0);
    expect(valueOf('relaydiff_warning', { reason: 'mirror-lag' })).toBe(1);
    const slow = { place: 'mirror', reason: 'mirror-slow' };
    expect(valueOf('relaydiff_gaps_total', slow)).toBe(4);
    expect(valueOf('relaydiff_gap_bytes_total', slow)).toBe(2_048);
    expect(valueOf('relaydiff_gap_frames_total', slow)).toBe(19);
    expect(valueOf('process_start_time_seconds')).toBe(1_700_000_000);
  });

  it('are named by the conventions, counters by _total, and labelled with words of the code only', () => {
    for (const [name, type] of types) {
      expect(name).toMatch(/^(relaydiff|process)_/);
      expect(name.endsWith('_total'), name).toBe(type === 'counter');
      const first = series.find((each) => each.name === name);
      if (/bytes|seconds/.test(name)) expect(name).toMatch(/_(bytes|seconds)(_total)?$/);
      const labels = Object.keys(first?.labels ?? {});
      expect(labels.filter((label) => !LABELS.has(label))).toEqual([]);
    }
    expect(series.length).toBeLessThan(100);
  });

  it('leave out what nobody has counted, and remember nothing of the status before', async () => {
    const text = await renderMetrics(statusOf(liveStatus({ fileBytes: undefined })));
    expect(text).not.toContain('capture_file_bytes');
    expect(await renderMetrics(statusOf(lossyStatus()))).toBe(
      await renderMetrics(statusOf(lossyStatus())),
    );
  });

  it('are each explained in docs/monitoring.md, and no other is', () => {
    const page = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8');
    const explained = [...page.matchAll(/^\| `((?:relaydiff|process)_\w+)/gm)].map(
      ([, name]) => name,
    );
    expect(explained).toHaveLength(types.size);
    expect(new Set(explained)).toEqual(new Set(types.keys()));
  });
});
