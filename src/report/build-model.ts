/**
 * Turns the result of a comparison into the model of the report: every divergence as a line of the list,
 * and for as many as a page can carry both messages as rows of named fields. Pure: what a frame means
 * comes in as a function, so the report knows no schema.
 */
import type {
  Difference,
  DiffResult,
  Divergence,
  Occurrence,
  PairRemark,
  SwallowedPart,
} from '../diff/types.ts';
import { equalBytes, fromHex } from '../lib/bytes.ts';
import type { Leaf } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { alignLeaves, alignLeavesByName, type LeafPair } from './align-leaves.ts';
import type {
  DivergenceDetail,
  DivergenceRow,
  FieldRow,
  FieldSide,
  MessageView,
  ReportModel,
  RowRemark,
} from './model.ts';

/** The leaves of a frame, or undefined for bytes that are no frame. */
export type Describe = (bytes: Uint8Array) => readonly Leaf[] | undefined;

export interface ReportContext {
  /** Each side is read with its own dialect. */
  readonly describe: { readonly old: Describe; readonly new: Describe };
  /**
   * The sides speak two dialects: `describe` names fields as all dialects do, and the differences of the result
   * say what differs; bytes differ anyway.
   */
  readonly byMeaning?: boolean;
}

/** What one page may carry. A browser opens a model of this size in about a second. */
export interface ReportLimits {
  readonly detailsMax: number;
  readonly fieldRowsMax: number;
  readonly fieldRowsPerDetailMax: number;
  readonly messageBytesMax: number;
}

export const REPORT_LIMITS: ReportLimits = {
  detailsMax: 2_000,
  fieldRowsMax: 200_000,
  fieldRowsPerDetailMax: 4_000,
  messageBytesMax: 16 * 1024 * 1024,
};

export function buildReportModel(
  result: DiffResult,
  context: ReportContext,
  limits: ReportLimits = REPORT_LIMITS,
): ReportModel {
  const timeline = result.timeline;
  return {
    format: 'relaydiff-report/1',
    verdict: result.verdict,
    reason: result.reason,
    capture: result.capture,
    old: result.old,
    new: result.new,
    counts: result.counts,
    groups: unexplainedFirst(result.groups),
    ...(result.rules && { rules: result.rules }),
    ...(result.remarks && { remarks: result.remarks }),
    ...(result.noise && { noise: result.noise }),
    ...(result.latency && { latency: result.latency }),
    connections: result.connections,
    gaps: result.gaps ?? [],
    gapsOmitted: result.gapsOmitted ?? 0,
    timeline: {
      startMs: toMs(BigInt(timeline.startNs)),
      sliceMs: toMs(BigInt(timeline.bucketNs)),
      old: timeline.old,
      new: timeline.new,
      divergences: timeline.divergences,
    },
    rows: result.divergences.map((divergence) => buildRow(divergence, result)),
    rowsOmitted: result.divergencesOmitted,
    details: buildDetails(result, context, limits),
  };
}

/** Restricts a description of frames to bytes that are exactly one frame of the layout. */
export function describeFramesOnly(
  layout: HeaderLayout,
  describe: (frame: Uint8Array) => readonly Leaf[],
): Describe {
  return (bytes) => {
    if (bytes.byteLength < layout.sizeBytes) return undefined;
    const header = readHeader(layout, bytes);
    const isFrame =
      header.magic === layout.magic && layout.sizeBytes + header.payload_size === bytes.byteLength;
    return isFrame ? describe(bytes) : undefined;
  };
}

function toMs(ns: bigint): number {
  return Number(ns) / 1e6;
}

function unexplainedFirst(groups: DiffResult['groups']): DiffResult['groups'] {
  const rank = (cause: string): number => (cause === 'unexplained' ? 0 : 1);
  return [...groups].sort((left, right) => rank(left.cause) - rank(right.cause));
}

function buildRow(divergence: Divergence, result: DiffResult): DivergenceRow {
  const arrivalNs = (divergence.old ?? divergence.new)?.arrivalNs;
  return {
    id: divergence.id,
    kind: divergence.kind,
    severity: divergence.severity,
    connection: divergence.connection,
    group: divergence.group,
    subject: divergence.subject,
    identity: divergence.identity,
    detail: divergence.detail,
    timeMs: arrivalNs === undefined ? null : toMs(BigInt(arrivalNs)),
    slice: arrivalNs === undefined ? null : sliceOf(BigInt(arrivalNs), result.timeline),
    ...(divergence.remarks && { remarks: rowRemarks(divergence.remarks, divergence) }),
  };
}

/** Each kind once for each way in which the sides have it. */
function rowRemarks(
  remarks: readonly PairRemark[],
  { old, new: neu }: Divergence,
): readonly RowRemark[] {
  const isPair = old !== null && neu !== null;
  const kinds = new Map<string, RowRemark>();
  for (const { kind, ...sides } of remarks) {
    const only = isPair ? sideAlone(sides) : undefined;
    kinds.set(`${kind} ${only}`, only === undefined ? { kind } : { kind, only });
  }
  return [...kinds.values()];
}

function sideAlone(sides: Pick<PairRemark, 'old' | 'new'>): 'old' | 'new' | undefined {
  if (sides.new === null) return 'old';
  return sides.old === null ? 'new' : undefined;
}

function sliceOf(timeNs: bigint, timeline: DiffResult['timeline']): number | null {
  const bucketNs = BigInt(timeline.bucketNs);
  const last = timeline.divergences.length - 1;
  if (bucketNs <= 0n || last < 0) return null;
  const slice = Number((timeNs - BigInt(timeline.startNs)) / bucketNs);
  return Math.min(Math.max(slice, 0), last);
}

function buildDetails(
  result: DiffResult,
  context: ReportContext,
  limits: ReportLimits,
): Record<string, DivergenceDetail> {
  const details: Record<string, DivergenceDetail> = {};
  let detailCount = 0;
  let fieldRows = 0;
  let messageBytes = 0;
  for (const divergence of roundRobinByGroup(result.divergences)) {
    if (detailCount >= limits.detailsMax) break;
    const bytes = (divergence.old?.length ?? 0) + (divergence.new?.length ?? 0);
    if (messageBytes + bytes > limits.messageBytesMax) continue;
    const detail = buildDetail(divergence, context, limits.fieldRowsPerDetailMax);
    if (fieldRows + detail.fields.length > limits.fieldRowsMax) break;
    details[divergence.id] = detail;
    detailCount += 1;
    fieldRows += detail.fields.length;
    messageBytes += bytes;
  }
  return details;
}

/** The first of every group, then the second of every group, ...: no cause goes without an example. */
function* roundRobinByGroup(divergences: readonly Divergence[]): Generator<Divergence> {
  const byGroup = new Map<string, Divergence[]>();
  for (const divergence of divergences) {
    const members = byGroup.get(divergence.group);
    if (members === undefined) byGroup.set(divergence.group, [divergence]);
    else members.push(divergence);
  }
  let open = [...byGroup.values()];
  for (let turn = 0; open.length > 0; turn++) {
    open = open.filter((members) => turn < members.length);
    for (const members of open) {
      const member = members[turn];
      if (member !== undefined) yield member;
    }
  }
}

function buildDetail(
  divergence: Divergence,
  context: ReportContext,
  fieldRowsMax: number,
): DivergenceDetail {
  const old = leavesOf(divergence.old, context.describe.old);
  const candidate = leavesOf(divergence.new, context.describe.new);
  const isPair = divergence.old !== null && divergence.new !== null;
  const differences = new Map(divergence.differences.map((each) => [each.path, each]));
  const { byMeaning = false } = context;
  const align = byMeaning ? alignLeavesByName : alignLeaves;
  const { swallowed = [] } = divergence;
  const sides = { old: old.bytes, new: candidate.bytes };
  const rows = align({ old: old.leaves, new: candidate.leaves }).map((pair) =>
    buildFieldRow(pair, { ...sides, isPair, differences, swallowed, byMeaning }),
  );
  return {
    old: viewOfMessage(divergence.old),
    new: viewOfMessage(divergence.new),
    fields: rows.slice(0, fieldRowsMax),
    fieldsOmitted: Math.max(0, rows.length - fieldRowsMax),
    ...(divergence.remarks && { remarks: divergence.remarks }),
    ...(divergence.remarksOmitted !== undefined && { remarksOmitted: divergence.remarksOmitted }),
  };
}

interface DescribedBytes {
  readonly bytes: Uint8Array;
  readonly leaves: readonly Leaf[];
}

/** A defect has no fields: one row names all its bytes. */
function leavesOf(occurrence: Occurrence | null, describe: Describe): DescribedBytes {
  if (occurrence === null) return { bytes: new Uint8Array(), leaves: [] };
  const bytes = fromHex(occurrence.hex);
  const raw: Leaf = {
    path: 'bytes',
    offset: 0,
    length: bytes.byteLength,
    value: `${bytes.byteLength} bytes, not a frame`,
    class: 'semantic',
  };
  return { bytes, leaves: describe(bytes) ?? [raw] };
}

interface RowContext {
  readonly old: Uint8Array;
  readonly new: Uint8Array;
  readonly isPair: boolean;
  readonly differences: ReadonlyMap<string, Difference>;
  readonly swallowed: readonly SwallowedPart[];
  readonly byMeaning: boolean;
}

function buildFieldRow(pair: LeafPair, context: RowContext): FieldRow {
  const { differences, swallowed, isPair, byMeaning } = context;
  const path = pair.old?.path ?? pair.new?.path ?? '';
  const newPath = pair.new?.path ?? path;
  const difference = differences.get(path) ?? differences.get(newPath);
  const leafClass = pair.old?.class ?? pair.new?.class ?? 'semantic';
  const differs = byMeaning ? difference !== undefined : !sameBytes(pair, context);
  const note = difference?.note ?? (differs ? swallowedNote(path, swallowed) : undefined);
  return {
    path,
    ...(newPath === path ? {} : { newPath }),
    class: difference?.class ?? leafClass,
    old: fieldSide(pair.old),
    new: fieldSide(pair.new),
    differs: isPair && differs,
    ...(note === undefined ? {} : { note }),
  };
}

/** Bytes that differ and are told as no difference need a word. */
function swallowedNote(path: string, swallowed: readonly SwallowedPart[]): string | undefined {
  const part = swallowed.find(
    (each) =>
      path === each.path || path.startsWith(`${each.path}.`) || path.startsWith(`${each.path}[`),
  );
  return part && `swallowed by the rule ${part.rule}`;
}

function sameBytes(pair: LeafPair, context: RowContext): boolean {
  if (pair.old === undefined || pair.new === undefined) return false;
  return equalBytes(sliceOfLeaf(context.old, pair.old), sliceOfLeaf(context.new, pair.new));
}

function sliceOfLeaf(bytes: Uint8Array, leaf: Leaf): Uint8Array {
  return bytes.subarray(leaf.offset, leaf.offset + leaf.length);
}

function fieldSide(leaf: Leaf | undefined): FieldSide | null {
  if (leaf === undefined) return null;
  return {
    offset: leaf.offset,
    length: leaf.length,
    value: leaf.value,
    ...(leaf.display === undefined ? {} : { display: leaf.display }),
  };
}

function viewOfMessage(occurrence: Occurrence | null): MessageView | null {
  if (occurrence === null) return null;
  const { ordinal, offset, arrivalNs, hex } = occurrence;
  return { ordinal, offset, arrivalNs, hex };
}
