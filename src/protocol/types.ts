/** What the schemas say, as data, and what a frame means once it is read with them. */
import type {
  ChecksumState,
  Header,
  HeaderLayout,
  HeaderOffsets,
  TlvDefect,
} from '../wire/types.ts';

/** A named numbering: number -> name. Flag sets name single bits. */
export interface EnumTable {
  readonly name: string;
  readonly flags: boolean;
  readonly names: ReadonlyMap<number, string>;
}

export type IntegerType = 'u8' | 'u16' | 'u32' | 'u64' | 'u128' | 'i32' | 'i64' | 'i128';

/** The shape of a field: a number, bytes, another struct, or many of one shape. */
export type FieldType =
  | { readonly kind: 'integer'; readonly integer: IntegerType; readonly endian: 'little' | 'big' }
  | { readonly kind: 'bytes'; readonly length: number }
  | { readonly kind: 'struct'; readonly struct: StructLayout }
  | { readonly kind: 'array'; readonly element: FieldType; readonly count: number }
  /** `count` u16, padding, then always `capacity` elements of which the first `count` are used. */
  | {
      readonly kind: 'fixed-vec';
      readonly element: FieldType;
      readonly elementBytes: number;
      readonly capacity: number;
      readonly elementsOffset: number;
    }
  /** As many elements as its count says. Only fields of the struct of a TLV are lists, none nested. */
  | {
      readonly kind: 'list';
      readonly element: FieldType;
      readonly elementBytes: number;
      readonly count: ListCount;
    };

/** Where the number of elements of a list stands: right before them, or in a field before every list. */
export type ListCount = {
  readonly integer: IntegerType;
  readonly endian: 'little' | 'big';
} & (
  | { readonly kind: 'prefix' }
  | { readonly kind: 'field'; readonly name: string; readonly offset: number }
);

export interface FieldLayout {
  readonly name: string;
  /** Behind a list, where the field lies when every list is empty. */
  readonly offset: number;
  /** Of a list without its elements. */
  readonly size: number;
  readonly type: FieldType;
  /** Named or implicit padding: never part of the meaning, always part of the bytes. */
  readonly padding: boolean;
  /** Decimal places of a fixed-point number: real value = raw / 10^scale. */
  readonly scale: number | undefined;
  readonly enum: EnumTable | undefined;
  readonly unit: string | undefined;
  /** What other dialects call it: messages of two dialects are compared by it. */
  readonly as: string | undefined;
  /** The array of the struct of which it counts the used elements. */
  readonly counts: string | undefined;
  /** Of bytes that are one unsigned number. */
  readonly number: BytesNumber | undefined;
  /** What every publisher writes there, so that it says nothing: a number, or bytes as hex. */
  readonly always: number | string | undefined;
  readonly note: string | undefined;
}

export interface BytesNumber {
  readonly endian: 'little' | 'big';
  /** How many low bits of it are used; the others are 0. */
  readonly bits: number;
}

export interface StructLayout {
  readonly name: string;
  /** Bytes of the fixed part: what it takes with an empty end and empty lists. */
  readonly size: number;
  readonly fields: readonly FieldLayout[];
  /** Bytes after the fixed part are kept as the field `data`. */
  readonly openEnded: boolean;
  /** Some fields are lists, so that the value is longer than `size` by their elements. */
  readonly hasLists: boolean;
  readonly note: string | undefined;
  /** The file of the protocol's own code that the layout was read from. */
  readonly source: string | undefined;
}

/** A field of a header order, for people. */
export interface HeaderField {
  readonly name: keyof HeaderOffsets;
  readonly offset: number;
  readonly type: IntegerType;
  readonly note: string | undefined;
}

export type SizeRule =
  | { readonly kind: 'fixed'; readonly bytes: number }
  | { readonly kind: 'bounded'; readonly min: number; readonly max: number }
  | { readonly kind: 'variable' };

export interface TlvType {
  readonly number: number;
  /** As in the vectors: `Trade`, `Vendor:PoolInfo`. */
  readonly name: string;
  /** Name of the domain it belongs to, `vendor` for 200-254. */
  readonly domain: string;
  readonly size: SizeRule;
  readonly struct: StructLayout | undefined;
}

/** A file of records, back to back and without TLV framing, behind a header or a count or nothing. */
export interface RecordFileLayout {
  readonly name: string;
  readonly note: string | undefined;
  readonly header: StructLayout | undefined;
  /** The field of the header that counts the records. Without it, and without a prefix, the end of the file does. */
  readonly countField: string | undefined;
  /** Without a header: what counts them, little-endian, before the first. */
  readonly countPrefix: 'u8' | 'u16' | 'u32' | undefined;
  /** The field of the header with the CRC-32 of the records. */
  readonly checksumField: string | undefined;
  readonly record: StructLayout;
}

export interface Dialect {
  readonly name: string;
  readonly description: string;
  readonly header: HeaderLayout;
  /** Every header order that its schemas know, by name; the dialect uses `header` only. */
  readonly headers: ReadonlyMap<string, HeaderLayout>;
  /** The fields of each of them in wire order. */
  readonly headerFields: ReadonlyMap<string, readonly HeaderField[]>;
  readonly domains: EnumTable;
  readonly sources: EnumTable;
  readonly types: ReadonlyMap<number, TlvType>;
  /** Numbers that vendors may use without registering them. */
  readonly vendorRange: { readonly first: number; readonly last: number };
  readonly structs: ReadonlyMap<string, StructLayout>;
  /** Enums by the name that fields use: VenueId, AssetType, ... */
  readonly enums: ReadonlyMap<string, EnumTable>;
  /** Default socket path of each relay, as the sources name them. */
  readonly sockets: ReadonlyMap<string, string>;
  /** Files of records by name. */
  readonly files: ReadonlyMap<string, RecordFileLayout>;
}

/**
 * The value of a field as it is read: a number up to 32 bits, a bigint above; bytes as a view of the frame. jsonText
 * spells it.
 */
export type DecodedValue = number | bigint | Uint8Array | DecodedFields | readonly DecodedValue[];
export interface DecodedFields {
  readonly [field: string]: DecodedValue;
}

/** The value of a field as JSON and the vectors spell it: 64 and 128 bits as decimal text, bytes as hex. */
export type FieldValue = number | string | FieldValues | readonly FieldValue[];
export interface FieldValues {
  readonly [field: string]: FieldValue;
}

export interface DecodedTlv {
  readonly type: number;
  readonly name: string;
  readonly extended: boolean;
  readonly length: number;
  /** Name of the struct that `fields` follow; without one, `fields` is `{ raw: bytes }`. */
  readonly layout: string | undefined;
  readonly fields: DecodedFields;
}

export interface Message {
  readonly header: Header;
  readonly checksum: ChecksumState;
  readonly tlvs: readonly DecodedTlv[];
  /** Set when the payload could not be walked to its end. */
  readonly defect: TlvDefect | undefined;
}

/**
 * One nameable range of bytes of a frame. The leaves of a frame cover each of its bytes exactly once, in
 * order, so every byte difference lies in a named field.
 */
export interface Leaf {
  /** `header.sequence`, `tlv[0].type`, `tlv[0].Trade.price`, `tlv[1].OrderBook.bids.elements[3].size`. */
  readonly path: string;
  /** From the start of the frame. */
  readonly offset: number;
  readonly length: number;
  /** Number, decimal text or hex, as in Message. */
  readonly value: string;
  /** For people: the enum name, the fixed-point value, the time as ISO text; absent when `value` says it all. */
  readonly display?: string;
  /**
   * - `semantic`: part of the meaning.
   * - `encoding`: says how the meaning is written (TLV heads, payload_size, checksum, unused array tail).
   * - `padding`: never part of the meaning.
   */
  readonly class: 'semantic' | 'encoding' | 'padding';
}
