/** The golden messages of the protocol, of every dialect. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { judgeBytes, referenceCode } from '../../src/protocol/judge.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import { remarksOn } from '../../src/protocol/remarks.ts';
import { spelledMessage } from './spelled.ts';
import { vectors } from './vectors.ts';

const protocol = loadBuiltInProtocol();

const CHECKSUM_OF_FIELD = { valid: 'valid', zero: 'zero', other: 'wrong' } as const;

describe('valid vectors', () => {
  test('there are as many as the dialects should have', () => {
    expect(vectors.valid).toHaveLength(81);
  });

  test.each(vectors.valid)('$name decodes and encodes again', (vector) => {
    const dialect = protocol.dialect(vector.dialect);
    const frame = fromHex(vector.hex);
    const { checksum, ...decoded } = spelledMessage(dialect, frame);
    expect(decoded).toEqual(vector.decoded);
    expect(checksum).toBe(CHECKSUM_OF_FIELD[vector.checksumField]);
    const again = toHex(encodeMessage(dialect, vector.decoded, 'keep'));
    expect(again === vector.hex).toBe(vector.reencodesExactly);
    expect(encodeMessage(dialect, vector.decoded, 'keep')).toHaveLength(frame.byteLength);
  });

  test.each(vectors.valid)('$name is accepted or refused as its own parser would', (vector) => {
    const remarks = remarksOn(protocol.dialect(vector.dialect), fromHex(vector.hex));
    // The parser of the epoch: first the checksum, then the fixed sizes of standard TLVs, nothing else.
    const refused =
      remarks.find(({ kind }) => kind === 'zero-checksum' || kind === 'wrong-checksum') ??
      remarks.find(({ kind }) => kind === 'wrong-declared-size');
    const verdict =
      refused?.kind === 'wrong-declared-size'
        ? refused.detail.replace(/, as .*/, '')
        : refused && 'checksum mismatch';
    expect(verdict ?? 'ok').toBe(vector.strictParserOfDialect);
  });

  test('only non-zero padding keeps a message from being encoded to the same bytes', () => {
    const padded = vectors.valid.filter(({ dialect, hex }) =>
      remarksOn(protocol.dialect(dialect), fromHex(hex)).some(
        ({ kind }) => kind === 'non-zero-padding',
      ),
    );
    const lossy = vectors.valid.filter(({ reencodesExactly }) => !reencodesExactly);
    expect(padded.map(({ name }) => name)).toEqual(lossy.map(({ name }) => name));
  });

  test('a checksum computed anew is the one that the vector holds', () => {
    const computed = vectors.valid.filter(
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
  test('the main thing that is said of each is what the reference calls it', () => {
    const told = vectors.invalid.map(({ name, dialect, hex }) => {
      const [main] = judgeBytes(protocol.dialect(dialect), fromHex(hex));
      return [name, main && referenceCode(main.kind)];
    });
    expect(told).toEqual(vectors.invalid.map(({ name, code }) => [name, code]));
    expect(told).toHaveLength(30);
  });

  test.each(vectors.invalid)('$name gives leaves for each byte, and a message', (vector) => {
    const dialect = protocol.dialect(vector.dialect);
    const bytes = fromHex(vector.hex);
    const leaves = describeFrame(dialect, bytes);
    expect(leaves.reduce((sum, leaf) => sum + leaf.length, 0)).toBe(bytes.byteLength);
    if (bytes.byteLength < dialect.header.sizeBytes) return;
    const { tlvs, defect } = decodeMessage(dialect, bytes);
    const payload = bytes.byteLength - dialect.header.sizeBytes;
    const walked = tlvs.reduce((sum, tlv) => sum + (tlv.extended ? 5 : 2) + tlv.length, 0);
    expect(walked + (defect?.length ?? 0)).toBe(payload);
    expect(defect?.offset ?? payload).toBe(walked);
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
    const message = spelledMessage(protocol.dialect(recipe.dialect), frame);
    expect(message.checksum).toBe('valid');
    expect(message.header.checksum.toString(16).padStart(8, '0')).toBe(recipe.crc32);
    expect(message.defect).toBeUndefined();
    expect(message.tlvs).toHaveLength(recipe.tlvCount ?? 1);
    for (const tlv of message.tlvs) expect(tlv.fields).toEqual({ raw: fill });
    const faults = judgeBytes(protocol.dialect(recipe.dialect), frame).map(({ kind }) => kind);
    expect(faults).toEqual(recipe.name === 'oversize-1MiB' ? ['oversize-payload'] : []);
  });
});
