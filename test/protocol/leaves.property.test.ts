/** Leaves tile a frame exactly, and say what the decoded message says. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { toHex } from '../../src/lib/bytes.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import type { FieldValue, Leaf } from '../../src/protocol/types.ts';
import { frames, propertyDialects } from './arbitraries.ts';
import { type SpelledMessage, spelledMessage } from './spelled.ts';

describe.each(propertyDialects())('$name', (dialect) => {
  test('leaves cover each byte exactly once and in order, under paths of their own', () => {
    fc.assert(
      fc.property(frames(dialect), (frame) => {
        const leaves = describeFrame(dialect, frame);
        let offset = 0;
        for (const leaf of leaves) {
          expect(leaf.offset).toBe(offset);
          expect(leaf.length).toBeGreaterThan(0);
          offset += leaf.length;
        }
        expect(offset).toBe(frame.byteLength);
        expect(new Set(leaves.map((leaf) => leaf.path)).size).toBe(leaves.length);
      }),
      { numRuns: 300 },
    );
  });

  test('semantic leaves are exactly the values of the message', () => {
    fc.assert(
      fc.property(frames(dialect), (frame) => {
        const message = spelledMessage(dialect, frame);
        const leaves = describeFrame(dialect, frame).filter((leaf) => !isHead(leaf));
        const values = leaves.map((leaf) => [leaf.path, leaf.value]);
        expect(Object.fromEntries(values)).toEqual(
          valuesOf(message, frame, dialect.header.sizeBytes),
        );
      }),
      { numRuns: 300 },
    );
  });
});

/** TLV heads, padding and unused tails are in no message. */
function isHead({ path, class: leafClass }: Leaf): boolean {
  if (path.startsWith('header.')) return false;
  return leafClass !== 'semantic' || /^tlv\[\d+\]\.type$/.test(path);
}

function valuesOf(
  message: SpelledMessage,
  frame: Uint8Array,
  headerBytes: number,
): Record<string, string> {
  const values: Record<string, string> = {};
  flatten('header', { ...message.header }, values);
  for (const [index, tlv] of message.tlvs.entries()) {
    flatten(`tlv[${index}].${tlv.name}`, tlv.fields, values);
  }
  if (message.defect !== undefined)
    values['payload.undecoded'] = toHex(frame.subarray(headerBytes + message.defect.offset));
  return values;
}

function flatten(path: string, value: FieldValue, values: Record<string, string>): void {
  if (typeof value !== 'object') {
    // A leaf has bytes: the empty rest of a value is none.
    if (value !== '') values[path] = String(value);
  } else if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) flatten(`${path}[${index}]`, element, values);
  } else {
    for (const [name, field] of Object.entries(value)) flatten(`${path}.${name}`, field, values);
  }
}
