/** For every struct of every dialect: what is encoded decodes to itself, whatever lies in the padding or around. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage, encodeStruct } from '../../src/protocol/encode.ts';
import { fits } from '../../src/protocol/fit.ts';
import { placeFields } from '../../src/protocol/list-layout.ts';
import { decodeStruct } from '../../src/protocol/struct-decoder.ts';
import { frames, propertyDialects, structValues } from './arbitraries.ts';
import { spelledStruct } from './spelled.ts';

describe.each(propertyDialects())('$name', (dialect) => {
  test.each([...dialect.structs.values()])('$name: decode(encode(values)) = values', (struct) => {
    fc.assert(
      fc.property(structValues(struct), fc.nat({ max: 255 }), (values, garbage) => {
        const bytes = encodeStruct(struct, values);
        expect(spelledStruct(struct, bytes)).toEqual(values);
        const fixed = bytes.subarray(0, struct.hasLists ? bytes.byteLength : struct.size);
        for (const { field, offset } of placeFields(struct, fixed)!) {
          if (!field.padding) continue;
          expect(bytes.subarray(offset, offset + field.size)).toEqual(new Uint8Array(field.size));
          bytes.fill(garbage, offset, offset + field.size);
        }
        const chunk = new Uint8Array(bytes.byteLength + 8).fill(garbage);
        chunk.set(bytes, 3);
        const inChunk = chunk.subarray(3, 3 + bytes.byteLength);
        expect(spelledStruct(struct, inChunk)).toEqual(values);
      }),
      { numRuns: 60 },
    );
  });

  test.each([...dialect.structs.values()])('$name: any bytes give fields or nothing', (struct) => {
    const bytes = fc.uint8Array({ minLength: 0, maxLength: struct.size + 2 });
    const rightSize = fc.uint8Array({ minLength: struct.size, maxLength: struct.size });
    fc.assert(
      fc.property(fc.oneof(bytes, rightSize), (value) => {
        expect(decodeStruct(struct, value) !== undefined).toBe(fits(struct, value));
      }),
      { numRuns: 40 },
    );
  });

  test('a message that decodes without a defect keeps its values when it is encoded again', () => {
    fc.assert(
      fc.property(frames(dialect), (frame) => {
        const message = decodeMessage(dialect, frame);
        fc.pre(message.defect === undefined);
        const again = decodeMessage(dialect, encodeMessage(dialect, message, 'keep'));
        expect(again.tlvs).toEqual(message.tlvs);
        const payload_size = frame.byteLength - dialect.header.sizeBytes;
        expect(again.header).toEqual({ ...message.header, payload_size });
      }),
    );
  });
});
