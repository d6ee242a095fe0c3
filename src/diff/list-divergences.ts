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
import { type Finding, inOrderOfTime } from './findings/finding.ts';
import type { FindingGroup } from './group-findings.ts';
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
  readonly findings: FindingList;
  readonly groups: readonly FindingGroup[];
  readonly dialects: Dialects;
  /** undefined: remarks are hidden. */
  readonly remarks: RemarkCounter | undefined;
}

interface Listed {
  readonly finding: Finding;
  /** Of its group. */
  readonly key: string;
}

/** The first findings in order of time; the others are only counted. */
export class FindingList {
  readonly #max: number;
  #first: Listed[] = [];
  #count = 0;
  /** Of those that were kept when there were too many: what is not before it is none of the first. */
  #last: Finding | undefined;

  constructor(max: number) {
    this.#max = max;
  }

  /** Of all. */
  get count(): number {
    return this.#count;
  }

  /** Findings of one time and connection stay in the order in which they come. */
  add(finding: Finding, key: string): void {
    this.#count++;
    if (this.#last !== undefined && inOrderOfTime(finding, this.#last) >= 0) return;
    this.#first.push({ finding, key });
    if (this.#first.length >= 2 * this.#max + SPARE) this.#trim();
  }

  /** As many as may be listed; the first one of each group in any case. */
  choose(groups: readonly FindingGroup[]): readonly Listed[] {
    this.#trim();
    const firsts = new Set(groups.map(({ first }) => first));
    let left = Math.max(0, this.#max - firsts.size);
    const chosen = this.#first.filter(({ finding }) => {
      if (firsts.delete(finding)) return true;
      left--;
      return left >= 0;
    });
    for (const { first, key } of groups)
      if (firsts.has(first)) chosen.push({ finding: first, key });
    return chosen.sort((one, other) => inOrderOfTime(one.finding, other.finding));
  }

  #trim(): void {
    this.#first.sort((one, other) => inOrderOfTime(one.finding, other.finding));
    if (this.#first.length <= this.#max) return;
    this.#first.length = this.#max;
    this.#last = this.#first.at(-1)?.finding;
  }
}

/** So that a list of none is not sorted for each finding. */
const SPARE = 1_024;

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
  { rows, findings, groups, dialects, remarks }: ListRequest,
): Pick<DiffResult, 'divergences' | 'divergencesOmitted' | 'groups' | 'remarks'> {
  const chosen = findings.choose(groups);
  const wanted = new WantedItems();
  for (const { finding } of chosen) {
    if (finding.old !== undefined) wanted.add(finding.connection, 'old', finding.old);
    if (finding.new !== undefined) wanted.add(finding.connection, 'new', finding.new);
  }
  remarks?.addWanted(wanted);
  const bytes = wanted.fetch(reader, rows);
  const idOf = new Map(chosen.map(({ finding }, index) => [finding, `d${index + 1}`]));
  const groupOf = new Map(groups.map(({ key, id }) => [key, id]));
  const divergences = chosen.map(({ finding, key }) =>
    divergenceOf(finding, {
      id: defined(idOf.get(finding), 'id'),
      group: defined(groupOf.get(key), 'group'),
      bytes,
      ...(remarks && { remarkDialects: dialects }),
    }),
  );
  return {
    divergences,
    divergencesOmitted: findings.count - chosen.length,
    groups: groups.map(({ first, key: _key, ...group }) => ({
      ...group,
      first: defined(idOf.get(first), 'id of the first of a group'),
    })),
    ...(remarks && { remarks: remarks.result(bytes, dialects) }),
  };
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
