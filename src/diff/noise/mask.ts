/**
 * The identity of a message that has noise in it: its bytes with the noisy fields left out. What is left out
 * is kept beside it as values, so that the noise can be judged without reading the capture again. Two
 * deliveries of one message have one masked key on both sides, whatever was stamped into them.
 */
import { crc32 } from 'node:zlib';
import type { Dialect } from '../../protocol/types.ts';
import { checksumState, u32At } from '../../wire/header.ts';
import { walkTlvs } from '../../wire/tlv.ts';
import type { Head } from '../records.ts';
import { ANY_SHAPE, CHECKSUM_FIELD, type FrameField, fieldsOf, typeKeyOf } from './fields.ts';

/** What to leave out of the messages of one type. */
export interface TypeMask {
  readonly fields: ReadonlySet<string>;
  /** Arrays whose elements may come in any order: `tlv[0].OrderBook.bids.elements[]`. */
  readonly orderFree: ReadonlySet<string>;
  /** Whether a checksum that was computed is as good as none. */
  readonly checksumMayBeZero: boolean;
}

/** By type key. */
export type Masks = ReadonlyMap<string, TypeMask>;

/** Where in the kept bytes a value lies. */
export interface KeptField extends FrameField {
  readonly at: number;
}

/** Shared by all messages that are laid out alike. */
export interface KeptLayout {
  readonly type: string;
  readonly fields: readonly KeptField[];
}

/** The noisy values of one message: bytes as latin1, which weigh less than arrays. */
export interface KeptValues {
  readonly layout: KeptLayout;
  readonly bytes: string;
  /** Equal when the elements of every order-free array come in the same order. */
  readonly order: string;
  readonly checksum: number;
}

export interface Masked {
  /** The frame with its noise left out. */
  readonly bytes: Uint8Array;
  readonly values: KeptValues;
}

const CHECKSUM_BYTES = 4;
const COMPUTED = 1;

interface Place {
  readonly layout: KeptLayout;
  readonly orderFree: readonly (readonly Element[])[];
}

interface Element {
  readonly offset: number;
  readonly length: number;
}

export class NoiseMask {
  readonly #masks: Masks;
  /** Where the noise lies, by type and the lengths of the TLVs; only where nothing else moves fields. */
  readonly #places = new Map<string, Place>();
  readonly #domains = new Map<number, { sequence: boolean; timestamp: boolean }>();

  constructor(masks: Masks) {
    this.#masks = masks;
    for (const [key, { fields }] of masks) {
      const domain = Number(key.split(' ', 1)[0]);
      const known = this.#domains.get(domain);
      this.#domains.set(domain, {
        sequence: known?.sequence === true || fields.has('header.sequence'),
        timestamp: known?.timestamp === true || fields.has('header.timestamp'),
      });
    }
  }

  /** undefined: messages of this type have no noise. */
  mask(dialect: Dialect, frame: Uint8Array, shape: string): Masked | undefined {
    if (this.#masks.size === 0) return undefined;
    const { header } = dialect;
    const domain = frame[header.offsets.relay_domain] ?? 0;
    const own = typeKeyOf(domain, shape);
    const type = this.#masks.has(own) ? own : typeKeyOf(domain, ANY_SHAPE);
    const mask = this.#masks.get(type);
    if (mask === undefined) return undefined;
    const { layout, orderFree } = this.#placeOf(dialect, frame, type, mask);
    const bytes = Uint8Array.from(frame);
    let kept = '';
    for (const { offset, length } of layout.fields) {
      kept += latin1(frame, offset, length);
      bytes.fill(0, offset, offset + length);
    }
    const order = orderFree.map((elements) => sortElements(bytes, elements)).join(';');
    const checksum = u32At(frame, header.offsets.checksum);
    maskChecksum(bytes, header.offsets.checksum, checksumState(header, frame), mask);
    return { bytes, values: { layout, bytes: kept, order, checksum } };
  }

  /** What is left of a head as a key: in a domain with noise in it, the stamps of no message are one. */
  headOf(head: Head): Head {
    const noisy = this.#domains.get(head.domain);
    if (noisy === undefined) return head;
    return {
      ...head,
      ...(noisy.sequence ? { sequence: 0n } : {}),
      ...(noisy.timestamp ? { timestamp: 0n } : {}),
    };
  }

  #placeOf(dialect: Dialect, frame: Uint8Array, type: string, mask: TypeMask): Place {
    const { tlvs } = walkTlvs(frame.subarray(dialect.header.sizeBytes));
    const isFixed =
      mask.orderFree.size === 0 && tlvs.every((tlv) => hasFixedFields(dialect, tlv.type));
    if (!isFixed) return placeOf(fieldsOf(dialect, frame), type, mask);
    const lengths = tlvs.map((tlv) => `${tlv.extended ? '+' : ''}${tlv.length}`).join();
    const key = `${dialect.name} ${type} ${lengths} ${frame.length}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      place = placeOf(fieldsOf(dialect, frame), type, mask);
      if (this.#places.size < PLACES_MAX) this.#places.set(key, place);
    }
    return place;
  }
}

/** Hostile traffic has no end of lengths. */
const PLACES_MAX = 4_096;

function hasFixedFields(dialect: Dialect, tlvType: number): boolean {
  const struct = dialect.types.get(tlvType)?.struct;
  if (struct === undefined) return true;
  return !struct.hasLists && struct.fields.every((field) => field.type.kind !== 'fixed-vec');
}

function placeOf(fields: readonly FrameField[], type: string, mask: TypeMask): Place {
  const kept: KeptField[] = [];
  const arrays = new Map<string, Map<string, { offset: number; end: number }>>();
  let at = 0;
  for (const field of fields) {
    if (mask.fields.has(field.field) && field.field !== CHECKSUM_FIELD) {
      kept.push({ ...field, at });
      at += field.length;
    }
    for (const array of mask.orderFree) {
      if (!field.field.startsWith(array)) continue;
      const element = elementOf(field.path, array);
      const elements = arrays.get(array) ?? new Map<string, { offset: number; end: number }>();
      arrays.set(array, elements);
      const known = elements.get(element);
      const end = field.offset + field.length;
      if (known === undefined) elements.set(element, { offset: field.offset, end });
      else known.end = Math.max(known.end, end);
    }
  }
  const orderFree = [...arrays.values()].map((elements) =>
    [...elements.values()].map(({ offset, end }) => ({ offset, length: end - offset })),
  );
  return { layout: { type, fields: kept }, orderFree };
}

/** The path of the element that a field is, or is in. */
function elementOf(path: string, array: string): string {
  const end = path.indexOf(']', array.length - '[]'.length);
  return path.slice(0, end + 1);
}

/** Puts the elements of an array into an order that only depends on what they are; returns a digest of the one they had. */
function sortElements(bytes: Uint8Array, elements: readonly Element[]): string {
  const values = elements.map(({ offset, length }) => latin1(bytes, offset, length));
  const sorted = [...values].sort();
  elements.forEach(({ offset }, index) => {
    bytes.set(Buffer.from(sorted[index] ?? '', 'latin1'), offset);
  });
  return String(crc32(values.join(',')));
}

/** Whatever it is of: that it was computed, or not. A wrong one stays what it is. */
function maskChecksum(
  bytes: Uint8Array,
  offset: number,
  state: 'valid' | 'zero' | 'wrong',
  { checksumMayBeZero }: TypeMask,
): void {
  if (state === 'wrong') return;
  bytes.fill(0, offset, offset + CHECKSUM_BYTES);
  if (state === 'valid' || checksumMayBeZero) bytes[offset] = COMPUTED;
}

function latin1(bytes: Uint8Array, offset: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1');
}
