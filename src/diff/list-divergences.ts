/**
 * Makes the list of the result from the findings: ids, groups, and the bytes, which are read again only for
 * what is listed. The first divergence of every group is listed whatever the limit, because the group
 * refers to it; the others in order of time until the limit.
 */
import type { CaptureReader, Side } from '../capture/types.ts';
import { defined } from '../lib/assert.ts';
import { toHex } from '../lib/bytes.ts';
import type { FrameView } from './compare-frames.ts';
import type { RemarkCounter } from './count-remarks.ts';
import { type FetchedBytes, WantedItems } from './fetch-bytes.ts';
import type { Finding } from './findings.ts';
import type { GroupedFindings } from './group-findings.ts';
import { pairRemarks } from './pair-remarks.ts';
import type { CaptureRows, Dialects } from './read-capture.ts';
import type { Item } from './records.ts';
import type {
  DiffResult,
  Divergence,
  DivergenceKind,
  Identity,
  Occurrence,
  Severity,
} from './types.ts';

export interface ListRequest {
  readonly rows: CaptureRows;
  /** In order of time. */
  readonly findings: readonly Finding[];
  readonly grouped: GroupedFindings;
  readonly listedMax: number;
  readonly dialects: Dialects;
  /** undefined: remarks are hidden. */
  readonly remarks: RemarkCounter | undefined;
}

const SEVERITIES: Readonly<Record<DivergenceKind, Severity>> = {
  missing: 'error',
  extra: 'error',
  duplicated: 'error',
  reordered: 'error',
  modified: 'error',
  encoding: 'warning',
  defect: 'error',
  connection: 'error',
  late: 'warning',
};

export function listDivergences(
  reader: CaptureReader,
  { rows, findings, grouped, listedMax, dialects, remarks }: ListRequest,
): Pick<DiffResult, 'divergences' | 'divergencesOmitted' | 'groups' | 'remarks'> {
  const chosen = chooseListed(findings, grouped, listedMax);
  const wanted = new WantedItems();
  for (const finding of chosen) {
    if (finding.old !== undefined) wanted.add(finding.connection, 'old', finding.old);
    if (finding.new !== undefined) wanted.add(finding.connection, 'new', finding.new);
  }
  remarks?.addWanted(wanted);
  const bytes = wanted.fetch(reader, rows);
  const idOf = new Map(chosen.map((finding, index) => [finding, `d${index + 1}`]));
  const divergences = chosen.map((finding) =>
    divergenceOf(finding, {
      id: defined(idOf.get(finding), 'id'),
      group: defined(grouped.groupOf.get(finding), 'group').id,
      bytes,
      ...(remarks && { remarkDialects: dialects }),
    }),
  );
  const groups = grouped.groups.map(({ first, ...group }) => ({
    ...group,
    first: defined(idOf.get(first), 'id of the first of a group'),
  }));
  return {
    divergences,
    divergencesOmitted: findings.length - chosen.length,
    groups,
    ...(remarks && { remarks: remarks.result(bytes, dialects) }),
  };
}

function chooseListed(
  findings: readonly Finding[],
  grouped: GroupedFindings,
  listedMax: number,
): readonly Finding[] {
  const firsts = new Set(grouped.groups.map((group) => group.first));
  let left = Math.max(0, listedMax - firsts.size);
  return findings.filter((finding) => {
    if (firsts.has(finding)) return true;
    left--;
    return left >= 0;
  });
}

interface ListedContext {
  readonly id: string;
  readonly group: string;
  readonly bytes: FetchedBytes;
  /** undefined: remarks are hidden. */
  readonly remarkDialects?: Dialects;
}

function divergenceOf(
  finding: Finding,
  { id, group, bytes, remarkDialects }: ListedContext,
): Divergence {
  const { connection } = finding;
  const occurrence = (side: Side, item: Item | undefined): Occurrence | null =>
    item === undefined ? null : occurrenceOf(item, bytes.of(connection, side, item));
  return {
    id,
    kind: finding.kind,
    severity: SEVERITIES[finding.kind],
    connection,
    group,
    old: occurrence('old', finding.old),
    new: occurrence('new', finding.new),
    identity: identityOf(finding),
    differences: finding.differences,
    ...(finding.swallowed && { swallowed: finding.swallowed }),
    ...(remarkDialects && remarksOf(finding, bytes, remarkDialects)),
    ...(finding.distance === undefined ? {} : { distance: finding.distance }),
    detail: finding.detail,
    subject: finding.subject,
  };
}

function remarksOf(
  { connection, ...sides }: Finding,
  bytes: FetchedBytes,
  dialects: Dialects,
): Pick<Divergence, 'remarks' | 'remarksOmitted'> {
  const view = (side: Side): FrameView | undefined => {
    const item = sides[side];
    if (item === undefined || !item.content.isFrame) return undefined;
    return { dialect: dialects[side], bytes: bytes.of(connection, side, item) };
  };
  const { remarks, omitted } = pairRemarks(view('old'), view('new'));
  if (remarks.length === 0) return {};
  return omitted === 0 ? { remarks } : { remarks, remarksOmitted: omitted };
}

function occurrenceOf(item: Item, bytes: Uint8Array): Occurrence {
  return {
    ordinal: item.ordinal,
    offset: item.offset,
    length: item.content.length,
    arrivalNs: String(item.arrivalNs),
    hex: toHex(bytes),
  };
}

/** Of old first: a changed message may have changed its identity. */
function identityOf({ old, new: neu }: Finding): Identity | null {
  const head = (old ?? neu)?.content.head;
  if (head === undefined) return null;
  return { domain: head.domain, source: head.source, sequence: head.sequence.toString() };
}
