/** How long a MessagePack value is, before it is read: so that a file is taken value by value and each has its place. */
import { viewOf } from '../wire/header.ts';

/** Nobody nests deeper than a record with its details. */
const DEPTH_MAX = 16;

/** More bytes are needed to tell. */
const MORE = 'more';
/** No value begins so, or one that nests too deeply. */
const NONE = 'none';

/** Length in bytes of the value at `at`. What is announced need not be there yet. */
export function messagePackLength(bytes: Uint8Array, at: number): number | 'more' | 'none' {
  const end = endOf(bytes, viewOf(bytes), at, 0);
  return typeof end === 'number' ? end - at : end;
}

function endOf(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  depth: number,
): number | 'more' | 'none' {
  const head = bytes[at];
  if (head === undefined) return MORE;
  if (depth > DEPTH_MAX) return NONE;
  const form = formOf(head);
  if (form === undefined) return NONE;
  if (at + 1 + form.sizeBytes > bytes.length) return MORE;
  const size = form.fixed ?? sizeAt(view, at + 1, form.sizeBytes);
  let end = at + 1 + form.sizeBytes + form.plain;
  if (form.of === 'bytes') return end + size;
  for (let items = size * form.items; items > 0; items--) {
    const next = endOf(bytes, view, end, depth + 1);
    if (typeof next !== 'number') return next;
    if (next > bytes.length) return next + items - 1;
    end = next;
  }
  return end;
}

interface Form {
  /** How many bytes behind the first say the size. */
  readonly sizeBytes: number;
  /** The size, where the first byte says it. */
  readonly fixed?: number;
  readonly of: 'bytes' | 'values';
  /** Values a size: two in a map. */
  readonly items: number;
  /** Bytes besides: the type of an extension. */
  readonly plain: number;
}

function bytesForm(fixed: number): Form {
  return { sizeBytes: 0, fixed, of: 'bytes', items: 0, plain: 0 };
}

function sizedBytes(sizeBytes: number, plain = 0): Form {
  return { sizeBytes, of: 'bytes', items: 0, plain };
}

function values(items: 1 | 2, sizeBytes: number, fixed?: number): Form {
  return { sizeBytes, ...(fixed !== undefined && { fixed }), of: 'values', items, plain: 0 };
}

/** Of the first bytes from 0xc0 on; undefined: never used. */
const FORMS: readonly (Form | undefined)[] = [
  bytesForm(0),
  undefined,
  bytesForm(0),
  bytesForm(0),
  sizedBytes(1),
  sizedBytes(2),
  sizedBytes(4),
  sizedBytes(1, 1),
  sizedBytes(2, 1),
  sizedBytes(4, 1),
  bytesForm(4),
  bytesForm(8),
  bytesForm(1),
  bytesForm(2),
  bytesForm(4),
  bytesForm(8),
  bytesForm(1),
  bytesForm(2),
  bytesForm(4),
  bytesForm(8),
  bytesForm(2),
  bytesForm(3),
  bytesForm(5),
  bytesForm(9),
  bytesForm(17),
  sizedBytes(1),
  sizedBytes(2),
  sizedBytes(4),
  values(1, 2),
  values(1, 4),
  values(2, 2),
  values(2, 4),
];

function formOf(head: number): Form | undefined {
  if (head < 0x80 || head >= 0xe0) return bytesForm(0);
  if (head < 0x90) return values(2, 0, head & 0x0f);
  if (head < 0xa0) return values(1, 0, head & 0x0f);
  if (head < 0xc0) return bytesForm(head & 0x1f);
  return FORMS[head - 0xc0];
}

function sizeAt(view: DataView, at: number, sizeBytes: number): number {
  if (sizeBytes === 1) return view.getUint8(at);
  return sizeBytes === 2 ? view.getUint16(at) : view.getUint32(at);
}
