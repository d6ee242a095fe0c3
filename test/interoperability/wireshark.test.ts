/** The generated dissector in a real tshark says of each message what relaydiff says. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { remarksOn } from '../../src/protocol/remarks.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { buildFrame } from '../../src/wire/build-frame.ts';
import { encodeTlv } from '../../src/wire/tlv.ts';
import { frames } from '../protocol/arbitraries.ts';
import { spelledMessage } from '../protocol/spelled.ts';
import { vectors } from '../protocol/vectors.ts';
import { concat } from '../support/frames.ts';
import { dissectedMessages, expertKinds } from './dissected-message.ts';
import { everyShape } from './every-shape.ts';
import { isWholeFrame, SEED } from './samples.ts';
import { dissect, isTsharkInstalled, isTsharkRequired } from './tshark.ts';

const protocol = loadBuiltInProtocol();
const dialects = protocol.dialectNames.map((name) => ({ name, dialect: protocol.dialect(name) }));

if (!isTsharkInstalled && !isTsharkRequired) {
  console.warn('tshark is not installed: the dissector is not tested (apt-get install tshark)');
}

/** As dissectedMessages gives it: remarks and defects are both expert notes. */
function expected(dialect: Dialect, frame: Uint8Array): unknown {
  const { defect, ...message } = spelledMessage(dialect, frame);
  const remarks = remarksOn(dialect, frame).map(({ kind }) => kind);
  const experts = [...remarks, ...(defect === undefined ? [] : [defect.defect])].sort();
  return { ...message, experts };
}

describe.skipIf(!isTsharkInstalled && !isTsharkRequired)('the dissector in tshark', () => {
  test.each(dialects)('reads every vector of $name as relaydiff does', ({ name, dialect }) => {
    const valid = vectors.valid.filter((vector) => vector.dialect === name);
    expect(valid.length).toBeGreaterThan(0);
    const units = dissect(
      dialect,
      valid.map(({ hex }) => fromHex(hex)),
    );
    expect(units).toHaveLength(valid.length);
    for (const [index, vector] of valid.entries()) {
      const [message, ...more] = dissectedMessages(units[index]!, dialect);
      expect(more, vector.name).toEqual([]);
      expect(message, vector.name).toMatchObject(vector.decoded);
      expect(message, vector.name).toEqual(expected(dialect, fromHex(vector.hex)));
    }
  });

  const withEveryShape = [...dialects, { name: 'every-shape', dialect: everyShape() }];
  test.each(withEveryShape)('reads random messages of $name as relaydiff does', ({ dialect }) => {
    const random = fc.sample(frames(dialect), { numRuns: 250, seed: SEED });
    const whole = random.filter((frame) => isWholeFrame(dialect, frame));
    expect(whole.length).toBeGreaterThan(100);
    const units = dissect(dialect, whole);
    for (const [index, frame] of whole.entries()) {
      const found = dissectedMessages(units[index]!, dialect);
      expect(found, `frame ${index} of seed ${SEED}`).toEqual([expected(dialect, frame)]);
    }
  });

  test.each(dialects)('survives mutated, cut and garbage bytes for $name', ({ name, dialect }) => {
    const own = vectors.valid.filter((vector) => vector.dialect === name);
    const mutated = fc
      .tuple(
        fc.constantFrom(...own.map(({ hex }) => fromHex(hex))),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 8 }),
        fc.option(fc.nat(), { freq: 4 }),
      )
      .map(([bytes, changes, end]) => {
        let changed = bytes;
        for (const [at, byte] of changes) changed = changed.with(at % bytes.length, byte);
        return end === null ? changed : changed.subarray(0, end % bytes.length);
      });
    const bad = vectors.invalid.map(({ hex }) => fromHex(hex));
    const units = [
      ...fc.sample(mutated, { numRuns: 400, seed: SEED }),
      ...fc.sample(frames(dialect), { numRuns: 100, seed: SEED + 1 }),
      ...bad,
    ].filter((bytes) => bytes.byteLength > 0);
    expect(dissect(dialect, units)).toHaveLength(units.length);
  });

  test('finds the frames that stand in one unit, and says what else stands there', () => {
    const dialect = protocol.dialect('torq-types');
    const [first, second] = vectors.valid
      .filter((vector) => vector.dialect === 'torq-types' && vector.decoded.tlvs.length > 0)
      .map(({ hex }) => fromHex(hex));
    const [unit] = dissect(dialect, [Buffer.concat([first!, second!, Uint8Array.of(1, 2, 3)])]);
    const trees = unit!.children.filter(({ name }) => name === 'torqv2');
    expect(trees.map(expertKinds).at(-1)).toEqual(['truncated-frame']);
    const messages = dissectedMessages({ ...unit!, children: trees.slice(0, -1) }, dialect);
    expect(messages).toEqual([expected(dialect, first!), expected(dialect, second!)]);
  });

  test('stops before there are too many items for Wireshark, and says so', () => {
    const dialect = protocol.dialect('torq-types');
    const frame = buildFrame(dialect.header, {
      domain: 0,
      source: 1,
      sequence: 1n,
      timestamp: 0n,
      payload: concat(Array.from({ length: 100_000 }, () => Uint8Array.of(250, 0))),
      checksum: 'valid',
    });
    const [unit] = dissect(dialect, [frame]);
    expect(expertKinds(unit!)).toEqual(['items-left-out']);
  });

  test('says that a unit was cut', () => {
    const dialect = protocol.dialect('torq-types');
    const payload = encodeTlv(3, new Uint8Array(60_000));
    const long = buildFrame(dialect.header, {
      domain: 0,
      source: 1,
      sequence: 1n,
      timestamp: 0n,
      payload: concat(Array.from({ length: 6 }, () => payload)),
      checksum: 'valid',
    });
    const [unit] = dissect(dialect, [long]);
    const [message] = dissectedMessages(unit!, dialect);
    expect(message).toMatchObject({ checksum: 'unverified', header: { payload_size: 360_030 } });
    expect(message?.tlvs).toHaveLength(4);
    expect(message?.experts).toEqual([
      'truncated-frame',
      'truncated-tlv',
      ...Array.from({ length: 4 }, () => 'unfit-struct'),
    ]);
  });
});
