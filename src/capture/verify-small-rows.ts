/** Verifies what a capture says of itself, connections, streams, events, accounts: everything but bytes. */
import { decodeDetails } from './event-details.ts';
import { EVENT_KINDS, type StreamKind } from './types.ts';
import type { VerificationCounts } from './verification.ts';
import type { Findings } from './verify-findings.ts';
import type { RowReader } from './verify-rows.ts';

export interface VerifiedStream {
  readonly id: number;
  readonly connection: number;
  readonly kind: StreamKind;
  readonly firstOffset: number;
  /** Undefined while its connection lives. */
  readonly account:
    | { readonly seenBytes: number; readonly mirroredBytes: number | null }
    | undefined;
}

export interface SmallRows {
  readonly info: ReadonlyMap<string, string>;
  readonly streams: ReadonlyMap<number, VerifiedStream>;
  readonly reachesNs: number;
  readonly counts: Pick<VerificationCounts, 'connections' | 'streams' | 'events' | 'accounts'>;
}

const NEEDED_FACTS = ['origin', 'writer', 'started_unix_ns', 'dialect', 'sealed'] as const;
const NUMBERS = ['started_unix_ns', 'duration_ns', 'part', 'part_start_ns'] as const;

export function verifySmallRows(rows: RowReader, findings: Findings): SmallRows {
  const info = verifyInfo(rows, findings);
  for (const _ of rows.read('protocol_schema')); // Their checksums are all there is to check.
  const connections = new Set<number>();
  for (const row of rows.read<{ id: number }>('connection')) connections.add(row.id);
  const streams = verifyStreamRows(rows, connections, findings);
  const events = verifyEvents(rows, connections, findings);
  return {
    info,
    streams,
    reachesNs: Math.max(events.reachesNs, Number(info.get('duration_ns') ?? 0) || 0),
    counts: {
      connections: connections.size,
      streams: streams.size,
      events: events.count,
      accounts: [...streams.values()].filter(({ account }) => account !== undefined).length,
    },
  };
}

function verifyInfo(rows: RowReader, findings: Findings): ReadonlyMap<string, string> {
  const info = new Map<string, string>();
  for (const row of rows.read<{ key: string; value: string }>('capture_info')) {
    info.set(row.key, row.value);
  }
  const table = 'capture_info';
  for (const row of NEEDED_FACTS) {
    if (info.has(row)) continue;
    findings.damage({ check: 'info', table, row, message: `it does not say its ${row}` });
  }
  for (const row of NUMBERS) {
    const value = info.get(row);
    if (value === undefined || /^\d+$/.test(value)) continue;
    findings.damage({ check: 'info', table, row, message: `its ${row} is no number: ${value}` });
  }
  return info;
}

function verifyStreamRows(
  rows: RowReader,
  connections: ReadonlySet<number>,
  findings: Findings,
): ReadonlyMap<number, VerifiedStream> {
  const accounts = new Map<number, VerifiedStream['account']>();
  for (const row of rows.read<{
    stream_id: number;
    seen_bytes: number;
    mirrored_bytes: number | null;
  }>('account')) {
    accounts.set(row.stream_id, { seenBytes: row.seen_bytes, mirroredBytes: row.mirrored_bytes });
  }
  const streams = new Map<number, VerifiedStream>();
  for (const row of rows.read<{
    id: number;
    connection_id: number;
    kind: StreamKind;
    first_offset: number;
  }>('stream')) {
    streams.set(row.id, {
      id: row.id,
      connection: row.connection_id,
      kind: row.kind,
      firstOffset: row.first_offset,
      account: accounts.get(row.id),
    });
    if (connections.has(row.connection_id)) continue;
    findings.damage({
      check: 'stream',
      table: 'stream',
      row: row.id,
      message: `stream ${row.id} is of connection ${row.connection_id}, which is not there`,
    });
  }
  for (const row of accounts.keys()) {
    if (streams.has(row)) continue;
    findings.damage({
      check: 'ledger',
      table: 'account',
      row,
      message: `there is an account of stream ${row}, which is not there`,
    });
  }
  return streams;
}

interface EventRow {
  readonly ordinal: number;
  readonly time_ns: number;
  readonly connection_id: number | null;
  readonly kind: string;
  readonly details: Uint8Array;
}

function verifyEvents(
  rows: RowReader,
  connections: ReadonlySet<number>,
  findings: Findings,
): { readonly count: number; readonly reachesNs: number } {
  let count = 0;
  let reachesNs = 0;
  for (const { ordinal, time_ns, connection_id, kind, details } of rows.read<EventRow>('event')) {
    count += 1;
    const faults: string[] = [];
    if (time_ns < reachesNs) faults.push('happened before the event in front of it');
    if (decodeDetails(details) === undefined) faults.push('has details that are not readable');
    if (!EVENT_KINDS.some((known) => known === kind)) faults.push(`is of unknown kind ${kind}`);
    if (connection_id !== null && !connections.has(connection_id))
      faults.push(`is of connection ${connection_id}, which is not there`);
    for (const fault of faults) {
      findings.damage({
        check: 'event',
        table: 'event',
        row: ordinal,
        message: `event ${ordinal} ${fault}`,
      });
    }
    reachesNs = Math.max(reachesNs, time_ns);
  }
  return { count, reachesNs };
}
