/** The parser that Kaitai makes of a generated .ksy reads of each message what relaydiff reads. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { remarksOn } from '../../src/protocol/remarks.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { frames } from '../protocol/arbitraries.ts';
import { spelledMessage } from '../protocol/spelled.ts';
import { vectors } from '../protocol/vectors.ts';
import { concat } from '../support/frames.ts';
import { everyShape } from './every-shape.ts';
import { kaitaiParser } from './kaitai.ts';
import { isWholeFrame, SEED } from './samples.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => ({ name, dialect: protocol.dialect(name) }));

/** The parser is strict: what relaydiff shows as a defect or as raw bytes, it may refuse. */
function isAccepted(dialect: Dialect, frame: Uint8Array): boolean {
  const { defect, tlvs } = decodeMessage(dialect, frame);
  const isOverfull = remarksOn(dialect, frame).some(({ kind }) => kind === 'count-over-capacity');
  const hasRawList = tlvs.some(
    ({ type, layout }) => layout === undefined && dialect.types.get(type)?.struct?.hasLists,
  );
  return defect === undefined && !isOverfull && !hasRawList && isWholeFrame(dialect, frame);
}

describe('the parser that Kaitai generates', () => {
  test.each(dialects)(
    'reads every vector of $name, all in one stream',
    async ({ name, dialect }) => {
      const valid = vectors.valid.filter((vector) => vector.dialect === name);
      expect(valid.length).toBeGreaterThan(0);
      const read = await kaitaiParser(dialect);
      const messages = read(concat(valid.map(({ hex }) => fromHex(hex))));
      expect(messages).toEqual(valid.map(({ decoded }) => decoded));
    },
  );

  const withEveryShape = [...dialects, { name: 'every-shape', dialect: everyShape() }];
  test.each(withEveryShape)('reads random messages of $name', async ({ dialect }) => {
    const random = fc
      .sample(frames(dialect), { numRuns: 300, seed: SEED })
      .filter((frame) => isAccepted(dialect, frame));
    expect(random.length).toBeGreaterThan(80);
    const read = await kaitaiParser(dialect);
    for (const [index, frame] of random.entries()) {
      const { header, tlvs } = spelledMessage(dialect, frame);
      expect(read(frame), `frame ${index} of seed ${SEED}`).toEqual([{ header, tlvs }]);
    }
  });

  test('refuses a wrong magic and a FixedVec that says more elements than it holds', async () => {
    const dialect = protocol.dialect('torq-types');
    const read = await kaitaiParser(dialect);
    const book = vectors.valid.find(({ decoded }) => decoded.tlvs[0]?.name === 'OrderBook')!;
    const frame = encodeMessage(dialect, book.decoded, 'keep');
    expect(read(frame)).toEqual([book.decoded]);
    expect(() => read(frame.with(0, 0))).toThrow(/not equal, expected \[3735928559\]/);
    const countAt = 32 + 5 + 40;
    expect(() => read(frame.with(countAt, 51))).toThrow(/max \[50\], but got \[51\]/);
  });
});
