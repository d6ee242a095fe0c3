/** Messages as `--json` prints them and the golden vectors spell them. */
import { jsonText } from '../../src/lib/json-text.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { decodePoolCacheFile } from '../../src/protocol/pool-cache-file.ts';
import { decodeStruct } from '../../src/protocol/struct-decoder.ts';
import type { Dialect, FieldValues, StructLayout } from '../../src/protocol/types.ts';
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

export function spelledFile(dialect: Dialect, bytes: Uint8Array): unknown {
  return JSON.parse(jsonText(decodePoolCacheFile(dialect, bytes)));
}

/** Undefined when the bytes do not fit. */
export function spelledStruct(struct: StructLayout, value: Uint8Array): FieldValues | undefined {
  const fields = decodeStruct(struct, value);
  return fields && JSON.parse(jsonText(fields));
}
