/**
 * Which kinds of remarks a frame has, for who reads millions: most of what can be odd is the same for all frames of
 * one shape, so it is worked out once for each shape, and of the next frame only what depends on its values is looked
 * at. Finds what `eachRemark` finds, but not where.
 */
import { checksumState, u16At } from '../wire/header.ts';
import {
  EXTENDED_HEAD_BYTES,
  EXTENDED_MARKER,
  STANDARD_HEAD_BYTES,
  walkTlvs,
} from '../wire/tlv.ts';
import type { HeaderLayout } from '../wire/types.ts';
import { registeredType } from './decode.ts';
import { remarkBit, type RemarkCheck, valueCheck } from './remark-checks.ts';
import type { RemarkKind } from './remark-kind.ts';
import { eachRemark, isNamed, USUAL_VERSION } from './remarks.ts';
import type { Dialect } from './types.ts';

/** Frames with the same domain and the same heads of TLVs, so that all that depends on these is the same. */
export interface FrameShape {
  /** From 0, in the order in which they were met. */
  readonly id: number;
  readonly frameBytes: number;
  /** What is the same in all of them: bytes and where they stand. */
  readonly places: Int32Array;
  readonly values: Uint8Array;
  /** Bits of the remarks that all of them have. */
  readonly kinds: number;
  readonly checks: readonly { readonly at: number; readonly check: RemarkCheck }[];
}

/** Kinds that depend on nothing but the domain and the heads of TLVs. */
const KINDS_OF_SHAPES: ReadonlySet<RemarkKind> = new Set<RemarkKind>([
  'wrong-declared-size',
  'out-of-bounds-size',
  'type-outside-domain-range',
  'unknown-type',
]);

/** Hostile traffic has no end of shapes. What has none of its own is walked each time. */
const SHAPES_MAX = 1_024;
const TLVS_MAX = 64;
/** Powers of two: a slot is the low bits of a hash. */
const SLOTS = 2_048;
const SHAPES_PER_SLOT_MAX = 4;
const NO_SHAPE = -1;
const ZERO_CHECKSUM = remarkBit('zero-checksum');
const WRONG_CHECKSUM = remarkBit('wrong-checksum');
const UNUSUAL_VERSION = remarkBit('unusual-version');
const UNNAMED = remarkBit('unknown-enum-number');

export class FrameShapes {
  readonly #dialect: Dialect;
  readonly #layout: HeaderLayout;
  readonly #slots: (FrameShape[] | undefined)[] = Array.from({ length: SLOTS });
  /** By source. */
  readonly #kindsOfSources: readonly number[];
  #count = 0;
  /** Most messages are like the one before. */
  #last: FrameShape | undefined;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#layout = dialect.header;
    this.#kindsOfSources = Array.from({ length: 256 }, (_, source) =>
      isNamed(dialect.sources, source) ? 0 : UNNAMED,
    );
  }

  /** Bits of the kinds of remarks (`remarkBit`) on the frame that lies from `start` to `end`. */
  kindsOf(
    bytes: Uint8Array,
    start: number,
    end: number,
    shape: FrameShape | undefined = this.shapeOf(bytes, start, end),
  ): number {
    if (shape === undefined) return kindsByWalk(this.#dialect, bytes.subarray(start, end));
    const { offsets } = this.#layout;
    let kinds = shape.kinds | (this.#kindsOfSources[bytes[start + offsets.source] ?? 0] ?? 0);
    if (bytes[start + offsets.version] !== USUAL_VERSION) kinds |= UNUSUAL_VERSION;
    const checksum = checksumState(this.#layout, bytes, start, end);
    if (checksum === 'zero') kinds |= ZERO_CHECKSUM;
    if (checksum === 'wrong') kinds |= WRONG_CHECKSUM;
    for (const { check, at } of shape.checks) kinds |= check(bytes, start + at);
    return kinds;
  }

  /** Of the frame that lies from `start` to `end`; undefined: it has no shape of its own. */
  shapeOf(bytes: Uint8Array, start: number, end: number): FrameShape | undefined {
    const last = this.#last;
    if (last !== undefined && isLike(last, bytes, start, end)) return last;
    const hash = this.#hash(bytes, start, end);
    if (hash === NO_SHAPE) return undefined;
    const inSlot = (this.#slots[hash % SLOTS] ??= []);
    for (const shape of inSlot) {
      if (isLike(shape, bytes, start, end)) return (this.#last = shape);
    }
    if (this.#count === SHAPES_MAX || inSlot.length === SHAPES_PER_SLOT_MAX) return undefined;
    const shape = makeShape(this.#dialect, bytes.subarray(start, end), this.#count++);
    inSlot.push(shape);
    return (this.#last = shape);
  }

  /** Of the domain and the heads; NO_SHAPE when TLVs do not fill the frame, or are too many. */
  #hash(bytes: Uint8Array, start: number, end: number): number {
    const { sizeBytes, offsets } = this.#layout;
    let at = start + sizeBytes;
    if (at > end) return NO_SHAPE;
    let hash = bytes[start + offsets.relay_domain] ?? 0;
    for (let count = 0; at < end; count++) {
      const isExtended = bytes[at] === EXTENDED_MARKER;
      const headBytes = isExtended ? EXTENDED_HEAD_BYTES : STANDARD_HEAD_BYTES;
      if (count === TLVS_MAX || at + headBytes > end) return NO_SHAPE;
      if (isExtended && bytes[at + 1] !== 0) return NO_SHAPE;
      const type = bytes[isExtended ? at + 2 : at] ?? 0;
      const length = isExtended ? u16At(bytes, at + 3) : (bytes[at + 1] ?? 0);
      // The marker tells the forms apart: no type of a standard head is 255.
      hash = (Math.imul(hash, 31) + (type ^ (length << 8) ^ (isExtended ? 1 << 30 : 0))) | 0;
      at += headBytes + length;
    }
    return at === end ? (hash ^ (hash >>> 15)) & 0x7fff_ffff : NO_SHAPE;
  }
}

const shapesOfDialects = new WeakMap<Dialect, FrameShapes>();

/** One for all who read this dialect. */
export function frameShapesOf(dialect: Dialect): FrameShapes {
  let shapes = shapesOfDialects.get(dialect);
  if (shapes === undefined) shapesOfDialects.set(dialect, (shapes = new FrameShapes(dialect)));
  return shapes;
}

function isLike(shape: FrameShape, bytes: Uint8Array, start: number, end: number): boolean {
  const { frameBytes, places, values } = shape;
  if (end - start !== frameBytes) return false;
  for (let index = 0; index < places.length; index++) {
    if (bytes[start + (places[index] ?? 0)] !== values[index]) return false;
  }
  return true;
}

/** `frame`: its TLVs fill it. */
function makeShape(dialect: Dialect, frame: Uint8Array, id: number): FrameShape {
  const { sizeBytes, offsets } = dialect.header;
  const places = [offsets.relay_domain];
  const checks: FrameShape['checks'][number][] = [];
  for (const { type, offset, valueOffset, length } of walkTlvs(frame, sizeBytes).tlvs) {
    for (let at = offset; at < valueOffset; at++) places.push(sizeBytes + at);
    const struct = registeredType(dialect, type)?.struct;
    const check = struct && valueCheck(struct, length);
    if (check !== undefined) checks.push({ at: sizeBytes + valueOffset, check });
  }
  let kinds = isNamed(dialect.domains, frame[offsets.relay_domain] ?? 0) ? 0 : UNNAMED;
  eachRemark(dialect, frame, (kind) => {
    if (KINDS_OF_SHAPES.has(kind)) kinds |= remarkBit(kind);
  });
  return {
    id,
    frameBytes: frame.length,
    places: Int32Array.from(places),
    values: Uint8Array.from(places, (at) => frame[at] ?? 0),
    kinds,
    checks,
  };
}

function kindsByWalk(dialect: Dialect, frame: Uint8Array): number {
  let kinds = 0;
  eachRemark(dialect, frame, (kind) => {
    kinds |= remarkBit(kind);
  });
  return kinds;
}
