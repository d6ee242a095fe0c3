/** The golden messages, bad messages and files of the protocol, typed. */
import { readFileSync } from 'node:fs';
import type { FieldValues } from '../../src/protocol/types.ts';
import type { SpelledHeader, SpelledTlv } from './spelled.ts';

export interface ValidVector {
  readonly name: string;
  readonly dialect: string;
  readonly hex: string;
  readonly decoded: { readonly header: SpelledHeader; readonly tlvs: readonly SpelledTlv[] };
  readonly checksumField: 'valid' | 'zero' | 'other';
  readonly reencodesExactly: boolean;
  readonly strictParserOfDialect: string;
}

export interface InvalidVector {
  readonly name: string;
  readonly dialect: string;
  readonly hex: string;
  readonly code: string;
}

export interface FileVector {
  readonly name: string;
  readonly hex: string;
  readonly decoded: { readonly header?: FieldValues; readonly records: readonly FieldValues[] };
}

export interface Recipe {
  readonly name: string;
  readonly dialect: string;
  readonly prefixHex?: string;
  readonly headerHex?: string;
  readonly tlvPrefixHex?: string;
  readonly tlvCount?: number;
  readonly fillByte: string;
  readonly fillCount: number;
  readonly totalLength: number;
  readonly sha256: string;
  readonly crc32: string;
}

export const vectors: {
  readonly valid: readonly ValidVector[];
  readonly invalid: readonly InvalidVector[];
  readonly files: readonly FileVector[];
  readonly recipes: readonly Recipe[];
} = JSON.parse(readFileSync(new URL('../fixtures/vectors/vectors.json', import.meta.url), 'utf8'));
