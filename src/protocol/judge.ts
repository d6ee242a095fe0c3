/**
 * Judges bytes that somebody takes for exactly one message: everything that is wrong or odd, the main thing first.
 * Pure and total. Streams are cut by the frame reader; here nothing is searched for and nothing is skipped.
 */
import { DEFAULT_FRAME_LIMITS } from '../wire/frame-rules.ts';
import { checksumState, frameChecksum, readHeader, viewOf } from '../wire/header.ts';
import { isExactTlvWalk, walkTlvs } from '../wire/tlv.ts';
import type { Header, HeaderLayout } from '../wire/types.ts';
import { type Remark, remarksOn } from './remarks.ts';
import type { RemarkKind } from './remark-kind.ts';
import type { Dialect } from './types.ts';

/** What makes bytes no message, or less than one. */
export type FaultKind =
  | 'truncated-header'
  | 'bad-magic'
  | 'wrong-dialect'
  | 'oversize-payload'
  | 'payload-size-too-large'
  | 'payload-size-too-small'
  | 'truncated-tlv'
  | 'bad-extended-reserved';

export interface Judgement {
  readonly kind: FaultKind | RemarkKind;
  /** A leaf path, as in remarks; `bytes` for the whole. */
  readonly where: string;
  readonly detail: string;
}

/** Main thing first: what stands earlier explains what stands later. Remarks not listed come last. */
const ORDER: readonly Judgement['kind'][] = [
  'truncated-header',
  'bad-magic',
  'wrong-dialect',
  'oversize-payload',
  'payload-size-too-large',
  'wrong-checksum',
  'payload-size-too-small',
  'bad-extended-reserved',
  'truncated-tlv',
  'wrong-declared-size',
  'count-over-capacity',
  'out-of-bounds-size',
  'unfit-struct',
  'zero-checksum',
];

/** Nothing at all is said of a good message whose publisher computed the checksum. */
export function judgeBytes(dialect: Dialect, bytes: Uint8Array): readonly Judgement[] {
  const layout = dialect.header;
  if (bytes.byteLength < layout.sizeBytes) return [truncatedHeader(layout, bytes)];
  const header = readHeader(layout, bytes);
  if (header.magic !== layout.magic) return badMagic(dialect, bytes, header);
  const judgements = [
    ...judgeSize(dialect, bytes, header),
    ...judgePayload(layout, bytes, header),
    ...judgeChecksum(layout, bytes, header),
    ...remarksOn(dialect, framed(layout, bytes, header))
      .filter(({ kind }) => kind !== 'wrong-checksum')
      .map(asJudgement),
  ];
  return judgements.toSorted((left, right) => order(left) - order(right));
}

/** The names that the protocol reference gives to what its own parsers refuse. */
const REFERENCE_CODES: Readonly<Partial<Record<Judgement['kind'], string>>> = {
  'truncated-header': 'TruncatedHeader',
  'bad-magic': 'BadMagic',
  'wrong-dialect': 'WrongDialect',
  'oversize-payload': 'OversizePayload',
  'payload-size-too-large': 'PayloadSizeTooLarge',
  'payload-size-too-small': 'PayloadSizeTooSmall',
  'truncated-tlv': 'TruncatedTLV',
  'bad-extended-reserved': 'BadExtendedReserved',
  'wrong-checksum': 'BadChecksum',
  'zero-checksum': 'BadChecksum',
  'wrong-declared-size': 'WrongFixedSize',
  'out-of-bounds-size': 'OutOfBounds',
};

/** Undefined for what no parser of the reference refuses. */
export function referenceCode(kind: Judgement['kind']): string | undefined {
  return REFERENCE_CODES[kind];
}

function order({ kind }: Judgement): number {
  const index = ORDER.indexOf(kind);
  return index < 0 ? ORDER.length : index;
}

/** The sources compute it over everything they are given, not over what payload_size frames. */
function judgeChecksum(
  layout: HeaderLayout,
  bytes: Uint8Array,
  header: Header,
): readonly Judgement[] {
  if (checksumState(layout, bytes) !== 'wrong') return [];
  const stored = `${hex(header.checksum)} is written`;
  const detail =
    checksumState(layout, framed(layout, bytes, header)) === 'valid'
      ? `${stored}: right for the message alone, wrong for all the bytes`
      : `${stored}, the bytes give ${hex(frameChecksum(layout, bytes))}`;
  return [{ kind: 'wrong-checksum', where: 'header.checksum', detail }];
}

function asJudgement({ kind, path, detail }: Remark): Judgement {
  return { kind, where: path, detail };
}

function truncatedHeader(layout: HeaderLayout, bytes: Uint8Array): Judgement {
  const detail = `a header has ${layout.sizeBytes} bytes, ${bytes.byteLength} are there`;
  return { kind: 'truncated-header', where: 'bytes', detail };
}

function badMagic(dialect: Dialect, bytes: Uint8Array, header: Header): readonly Judgement[] {
  const wanted = hex(dialect.header.magic);
  const detail = `${hex(header.magic)} where ${wanted} should stand${misplaced(dialect, bytes)}`;
  const judgements: Judgement[] = [{ kind: 'bad-magic', where: 'header.magic', detail }];
  const other = fittingLayout(dialect, bytes);
  if (other !== undefined) judgements.push(wrongDialect(other));
  return judgements;
}

const PREFIX_BYTES = 4;

/** Some transports of the sources write the length before each message; no relay expects that. */
function misplaced({ header: layout }: Dialect, bytes: Uint8Array): string {
  if (bytes.byteLength < PREFIX_BYTES + layout.sizeBytes) return '';
  const shifted = bytes.subarray(PREFIX_BYTES);
  if (readHeader(layout, shifted).magic !== layout.magic) return '';
  const view = viewOf(bytes);
  const prefix = [view.getUint32(0, true), view.getUint32(0, false)];
  return prefix.includes(shifted.byteLength)
    ? '; a length of 4 bytes stands before the message'
    : '; the magic stands 4 bytes later';
}

/** The part that `payload_size` frames, as far as it is there. */
function framed(layout: HeaderLayout, bytes: Uint8Array, header: Header): Uint8Array {
  return bytes.subarray(0, Math.min(bytes.byteLength, layout.sizeBytes + header.payload_size));
}

function judgeSize(dialect: Dialect, bytes: Uint8Array, header: Header): readonly Judgement[] {
  const { sizeBytes } = dialect.header;
  const said = header.payload_size;
  const there = bytes.byteLength - sizeBytes;
  const where = 'header.payload_size';
  const judgements: Judgement[] = [];
  const limit = DEFAULT_FRAME_LIMITS.frameBytesMax;
  if (sizeBytes + said > limit) {
    const detail = `a frame of ${sizeBytes + said} bytes, at most ${limit} are allowed`;
    judgements.push({ kind: 'oversize-payload', where, detail });
  }
  if (said === there) return judgements;
  const detail = `says ${said}, ${there} bytes follow the header`;
  const kind = said > there ? 'payload-size-too-large' : 'payload-size-too-small';
  judgements.push({ kind, where, detail });
  const other = fittingLayout(dialect, bytes);
  if (other !== undefined) judgements.push(wrongDialect(other));
  else if (!isSensible(dialect, header)) {
    const odd = `version ${header.version}, domain ${header.relay_domain}`;
    const what = `${odd} and a payload_size that does not fit: no header of this dialect`;
    judgements.push({ kind: 'wrong-dialect', where: 'bytes', detail: what });
  }
  return judgements;
}

const VERSION = 1;

function isSensible(dialect: Dialect, { version, relay_domain }: Header): boolean {
  return version === VERSION || dialect.domains.names.has(relay_domain);
}

function wrongDialect(other: HeaderLayout): Judgement {
  const detail = `the bytes are a frame under header order ${other.generation}`;
  return { kind: 'wrong-dialect', where: 'bytes', detail };
}

/** Another header order under which the bytes are exactly one frame. */
function fittingLayout(dialect: Dialect, bytes: Uint8Array): HeaderLayout | undefined {
  return [...dialect.headers.values()].find((layout) => {
    if (layout === dialect.header || bytes.byteLength < layout.sizeBytes) return false;
    const header = readHeader(layout, bytes);
    return (
      header.magic === layout.magic &&
      layout.sizeBytes + header.payload_size === bytes.byteLength &&
      isExactTlvWalk(bytes, layout.sizeBytes, bytes.byteLength, bytes.byteLength)
    );
  });
}

function judgePayload(
  layout: HeaderLayout,
  bytes: Uint8Array,
  header: Header,
): readonly Judgement[] {
  const { defect } = walkTlvs(framed(layout, bytes, header).subarray(layout.sizeBytes));
  if (defect === undefined) return [];
  return [{ kind: defect.defect, where: 'payload.undecoded', detail: defect.detail }];
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
