import { expect, test } from 'vitest';
import { compareFrames, isEncodingOnly } from '../../src/diff/compare-frames.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import type { Dialect, Leaf } from '../../src/protocol/types.ts';
import { makeRandom } from '../fuzz/random.ts';
import { frameOf, randomStruct, rawTlv } from '../truth/messages.ts';

const protocol = loadBuiltInProtocol();
const LEAVES_MAX = 60;
/** As a type it is the marker of the extended form. */
const MARKER_TYPE = 255;

/** A message of each struct of the dialect, behind a TLV that nobody knows. */
function* messages(dialect: Dialect): Generator<Uint8Array> {
  for (const { number: type, struct } of dialect.types.values()) {
    if (struct === undefined || type === MARKER_TYPE) continue;
    const random = makeRandom(1, type);
    const value = randomStruct(struct, random);
    const tlvs = [rawTlv(dialect, random), { type, value, extended: value.length > 255 }];
    const head = { domain: 1, source: 2, sequence: 7n, timestamp: 9n };
    yield frameOf(dialect, { ...head, tlvs, checksum: 'valid' });
  }
}

/** The framing is the frame reader's. */
function isFlippable({ path }: Leaf): boolean {
  return path !== 'header.magic' && path !== 'header.payload_size';
}

test.each(protocol.dialectNames)(
  'one flipped bit in %s is one difference, in the field that the bit lies in, whatever the struct',
  (name) => {
    const dialect = protocol.dialect(name);
    const wrong: string[] = [];
    let flips = 0;
    for (const frame of messages(dialect)) {
      const random = makeRandom(2, frame.length);
      for (const leaf of describeFrame(dialect, frame).filter(isFlippable).slice(0, LEAVES_MAX)) {
        const at = leaf.offset + random.below(leaf.length);
        const flipped = Uint8Array.from(frame);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
        for (const [old, neu] of [
          [frame, flipped],
          [flipped, frame],
        ] as const) {
          flips++;
          const differences = compareFrames({ dialect, bytes: old }, { dialect, bytes: neu });
          const [only] = differences;
          const { offset = -1, length = 0 } = only?.bytes ?? {};
          const isThere = offset <= at && at < offset + length && length <= leaf.length;
          const isKind = leaf.class !== 'padding' || isEncodingOnly(differences);
          if (differences.length !== 1 || !isThere || !isKind) {
            wrong.push(`${leaf.path}: ${differences.map(({ path }) => path).join(', ')}`);
          }
        }
      }
    }
    expect(wrong).toEqual([]);
    expect(flips).toBeGreaterThan(50);
  },
);
