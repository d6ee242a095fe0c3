/** The golden messages of the protocol, of every dialect. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import type { DecodedTlv, HeaderValues } from '../../src/protocol/types.ts';

interface ValidVector {
  readonly name: string;
  readonly dialect: string;
  readonly hex: string;
  readonly decoded: { readonly header: HeaderValues; readonly tlvs: readonly DecodedTlv[] };
  readonly checksumField: 'valid' | 'zero' | 'other';
  readonly reencodesExactly: boolean;
}

interface InvalidVector {
  readonly name: string;
  readonly dialect: string;
  readonly hex: string;
  readonly code: string;
}

interface Recipe {
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

const vectors: {
  readonly valid: readonly ValidVector[];
  readonly invalid: readonly InvalidVector[];
  readonly recipes: readonly Recipe[];
} = JSON.parse(readFileSync(new URL('../fixtures/vectors/vectors.json', import.meta.url), 'utf8'));

const protocol = loadBuiltInProtocol();
const ours = <V extends { readonly dialect: string }>(list: readonly V[]): V[] =>
  list.filter((vector) => protocol.dialectNames.includes(vector.dialect));

const CHECKSUM_OF_FIELD = { valid: 'valid', zero: 'zero', other: 'wrong' } as const;

describe('valid vectors', () => {
  test('there are as many as the dialects should have', () => {
    expect(ours(vectors.valid)).toHaveLength(81);
  });

  test.each(ours(vectors.valid))('$name decodes and encodes again', (vector) => {
    const dialect = protocol.dialect(vector.dialect);
    const frame = fromHex(vector.hex);
    const { checksum, ...decoded } = decodeMessage(dialect, frame);
    expect(decoded).toEqual(vector.decoded);
    expect(checksum).toBe(CHECKSUM_OF_FIELD[vector.checksumField]);
    const again = toHex(encodeMessage(dialect, vector.decoded, 'keep'));
    expect(again === vector.hex).toBe(vector.reencodesExactly);
    expect(encodeMessage(dialect, vector.decoded, 'keep')).toHaveLength(frame.byteLength);
  });

  test('a checksum computed anew is the one that the vector holds', () => {
    const computed = ours(vectors.valid).filter(
      (vector) => vector.checksumField === 'valid' && vector.reencodesExactly,
    );
    expect(computed.length).toBeGreaterThan(40);
    for (const { decoded, hex, dialect: name } of computed) {
      const dialect = protocol.dialect(name);
      expect(toHex(encodeMessage(dialect, decoded, 'valid'))).toBe(hex);
      expect(decodeMessage(dialect, encodeMessage(dialect, decoded, 'zero')).checksum).toBe('zero');
    }
  });
});

describe('invalid vectors', () => {
  const HEADER_BYTES = 32;
  const dialect = protocol.dialect('torq-types');
  const whole = vectors.invalid.filter(({ hex }) => hex.length / 2 >= HEADER_BYTES);

  test.each(whole)('$name decodes to what can be told of it', ({ hex, code }) => {
    const frame = fromHex(hex);
    const message = decodeMessage(dialect, frame);
    const leaves = describeFrame(dialect, frame);
    expect(leaves.reduce((sum, leaf) => sum + leaf.length, 0)).toBe(frame.byteLength);
    if (code === 'TruncatedTLV') expect(message.defect?.defect).toBe('truncated-tlv');
    if (code === 'BadExtendedReserved')
      expect(message.defect?.defect).toBe('bad-extended-reserved');
    if (code === 'BadChecksum') expect(message.checksum).not.toBe('valid');
    if (code === 'WrongFixedSize') {
      const tlv = message.tlvs[0]!;
      expect(Object.keys(tlv.fields)).toEqual(['raw']);
      expect(tlv.layout).toBeUndefined();
      expect(dialect.types.get(tlv.type)?.size).not.toEqual({ kind: 'fixed', bytes: tlv.length });
    }
  });

  test('what is shorter than a header is one undecoded leaf', () => {
    const short = vectors.invalid.filter(({ hex }) => hex.length / 2 < HEADER_BYTES);
    expect(short.map(({ code }) => code)).toEqual(['TruncatedHeader', 'TruncatedHeader']);
    for (const { hex } of short) {
      const leaves = describeFrame(dialect, fromHex(hex));
      expect(leaves.map(({ path, value }) => [path, value])).toEqual(
        hex === '' ? [] : [['undecoded', hex]],
      );
    }
  });
});

describe('recipes', () => {
  test.each(vectors.recipes)('$name decodes to its full length', (recipe) => {
    const fill = recipe.fillByte.repeat(recipe.fillCount);
    const hex =
      recipe.prefixHex === undefined
        ? (recipe.headerHex ?? '') +
          ((recipe.tlvPrefixHex ?? '') + fill).repeat(recipe.tlvCount ?? 0)
        : recipe.prefixHex + fill;
    const frame = fromHex(hex);
    expect(frame).toHaveLength(recipe.totalLength);
    expect(createHash('sha256').update(frame).digest('hex')).toBe(recipe.sha256);
    const message = decodeMessage(protocol.dialect(recipe.dialect), frame);
    expect(message.checksum).toBe('valid');
    expect(message.header.checksum.toString(16).padStart(8, '0')).toBe(recipe.crc32);
    expect(message.defect).toBeUndefined();
    expect(message.tlvs).toHaveLength(recipe.tlvCount ?? 1);
    for (const tlv of message.tlvs) expect(tlv.fields).toEqual({ raw: fill });
  });
});
