/** Messages as `--json` prints them and the golden vectors spell them. */
import { jsonText } from '../../src/lib/json-text.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { type FilePart, readRecordFile } from '../../src/protocol/record-file.ts';
import { decodeStruct } from '../../src/protocol/struct-decoder.ts';
import type {
  Dialect,
  FieldValues,
  RecordFileLayout,
  StructLayout,
} from '../../src/protocol/types.ts';
import type { ChecksumState, TlvDefect } from '../../src/wire/types.ts';

export interface SpelledHeader {
  readonly magic: number;
  readonly relay_domain: number;
  readonly version: number;
  readonly source: number;
  readonly flags: number;
  readonly sequence: string;
  readonly timestamp: string;
  readonly payload_size: number;
  readonly checksum: number;
}

export interface SpelledTlv {
  readonly type: number;
  readonly name: string;
  readonly extended: boolean;
  readonly length: number;
  readonly layout?: string;
  readonly fields: FieldValues;
}

export interface SpelledMessage {
  readonly header: SpelledHeader;
  readonly checksum: ChecksumState;
  readonly tlvs: readonly SpelledTlv[];
  readonly defect?: TlvDefect;
}

export function spelledMessage(dialect: Dialect, frame: Uint8Array): SpelledMessage {
  return JSON.parse(jsonText(decodeMessage(dialect, frame)));
}

/** A part whose values are text. */
export type SpelledPart =
  | (Omit<Extract<FilePart, { part: 'header' | 'record' }>, 'fields'> & {
      readonly fields: FieldValues;
    })
  | Extract<FilePart, { part: 'defect' }>;

export function spelledParts(layout: RecordFileLayout, bytes: Uint8Array): readonly SpelledPart[] {
  return JSON.parse(jsonText([...readRecordFile(layout, bytes)]));
}

/** Undefined when the bytes do not fit. */
export function spelledStruct(struct: StructLayout, value: Uint8Array): FieldValues | undefined {
  const fields = decodeStruct(struct, value);
  return fields && JSON.parse(jsonText(fields));
}
