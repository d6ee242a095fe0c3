import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ArrivedSpan } from '../../src/capture/types.ts';
import { ClientFacts } from '../../src/diff/client-facts.ts';
import { ContentTable } from '../../src/diff/content-table.ts';
import { Identity } from '../../src/diff/identity.ts';
import { type SentMessages, splitJoined } from '../../src/diff/split-joined.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { Span } from '../../src/wire/types.ts';
import { concat, testFrame } from '../support/frames.ts';
import { dialect, protocol } from './support.ts';

const MAGIC_BYTES = 4;

function factsOf(sent: readonly Uint8Array[], spoken: Dialect): SentMessages {
  const dialects = { old: spoken, new: spoken };
  const table = new ContentTable({ identity: new Identity(dialects), remarks: false });
  const facts = new ClientFacts();
  const placement = { isSplit: false, beganInside: false, leadingDomain: undefined, fromNs: 0 };
  for (const [index, bytes] of sent.entries()) {
    const content = table.intern({ kind: 'frame', offset: 0, bytes }, spoken);
    const connection = 1;
    facts.noteSending(content, {
      connection,
      offset: index,
      timeNs: index,
      placement,
      unmirrored: undefined,
    });
  }
  return {
    isWhole: (span) => facts.wasSent(table.intern(span, spoken)),
    beginSent: (bytes) => facts.beginsSent(table.peek(bytes, spoken.header)),
  };
}

function spansOf(stream: Uint8Array, spoken: Dialect): readonly ArrivedSpan[] {
  const reader = new FrameReader(spoken.header);
  const own = (span: Span): Span => ({ ...span, bytes: Uint8Array.from(span.bytes) });
  return [...reader.push(stream).map(own), ...reader.flush().map(own)].map((span, index) => ({
    span,
    index,
    arrivalOrdinal: index,
    arrivalNs: BigInt(index),
  }));
}

function split(
  delivered: readonly Uint8Array[],
  sent: readonly Uint8Array[],
  spoken = dialect,
): readonly ArrivedSpan[] {
  const spans = spansOf(concat(delivered), spoken);
  const options = { layout: spoken.header, sent: factsOf(sent, spoken), endsStream: true };
  return [...splitJoined(spans, options)];
}

/** What was delivered of each message: `undefined` is all of it. */
function partsOf(
  sent: readonly Uint8Array[],
  lengths: readonly (number | undefined)[],
  shortest: number,
): readonly Uint8Array[] {
  return sent.map((frame, index) => {
    const wanted = lengths[index];
    if (wanted === undefined) return frame;
    return frame.subarray(0, shortest + (wanted % (frame.length - shortest)));
  });
}

describe.each(['torq-codec', 'alphapulse-v2-seqfirst', 'alphapulse-v2-aligned'])(
  'in %s',
  (name) => {
    const spoken = protocol.dialect(name);
    const shortest = spoken.header.offsets.magic + MAGIC_BYTES;

    test('whatever was cut off of which messages, each piece is found as what it is', () => {
      fc.assert(
        fc.property(
          fc.array(fc.option(fc.nat(), { nil: undefined }), { minLength: 1, maxLength: 30 }),
          fc.constantFrom('zero' as const, 'valid' as const),
          fc.array(fc.constantFrom(0, 66, 66, 200, 250), { minLength: 30, maxLength: 30 }),
          (lengths, checksum, valueBytes) => {
            const sent = lengths.map((_, index) =>
              testFrame(index + 1, {
                layout: spoken.header,
                checksum,
                valueBytes: valueBytes[index] ?? 0,
              }),
            );
            const parts = partsOf(sent, lengths, shortest);
            const found = split(parts, sent, spoken);
            expect(found.map(({ span }) => Buffer.from(span.bytes).toString('hex'))).toEqual(
              parts.map((bytes) => Buffer.from(bytes).toString('hex')),
            );
            expect(found.map(({ span }) => span.kind === 'frame')).toEqual(
              parts.map((bytes, index) => bytes.length === sent[index]?.length),
            );
          },
        ),
      );
    });

    test('every byte stays where it was, and spans keep their order, whatever was delivered', () => {
      fc.assert(
        fc.property(
          fc.array(
            fc.oneof(
              fc.record({ of: fc.nat(9), from: fc.nat(), to: fc.nat() }),
              fc.uint8Array({ maxLength: 40 }),
            ),
            { maxLength: 30 },
          ),
          (pieces) => {
            const sent = Array.from({ length: 10 }, (_, index) =>
              testFrame(index + 1, { layout: spoken.header, checksum: 'zero' }),
            );
            const delivered = pieces.map((piece) => {
              if (piece instanceof Uint8Array) return piece;
              const frame = sent[piece.of] ?? new Uint8Array();
              return frame.subarray(piece.from % frame.length, 1 + (piece.to % frame.length));
            });
            const found = split(delivered, sent, spoken);
            expect(concat(found.map(({ span }) => span.bytes))).toEqual(concat(delivered));
            let offset = 0;
            for (const { span } of found) {
              expect(span.offset).toBe(offset);
              offset += span.bytes.length;
            }
            const indexes = found.map(({ index }) => index);
            expect(indexes).toEqual(indexes.toSorted((left, right) => left - right));
          },
        ),
      );
    });
  },
);

test('a frame that a client sent is left alone, whatever it carries', () => {
  const inner = testFrame(1);
  const outer = testFrame(2, { payload: concat([Uint8Array.of(1, inner.length), inner]) });
  expect(split([outer], [inner, outer]).map(({ span }) => span.kind)).toEqual(['frame']);
});

test('what no client sent is left as the reader has it', () => {
  const [first, second] = [testFrame(1, { checksum: 'zero' }), testFrame(2, { checksum: 'zero' })];
  const joined = concat([first.subarray(0, 50), second]);
  const asRead = spansOf(joined, dialect).map(({ span }) => span.bytes.length);
  expect(split([joined], []).map(({ span }) => span.bytes.length)).toEqual(asRead);
});

test('less than a magic is a piece where what is behind it is known', () => {
  const sent = Array.from({ length: 3 }, (_, index) => testFrame(index + 1, { checksum: 'zero' }));
  const found = split(partsOf(sent, [0, 40, undefined], 1), sent);
  expect(found.map(({ span }) => span.bytes.length)).toEqual([1, 41, 100]);
  expect(found.map(({ span }) => span.kind)).toEqual(['defect', 'defect', 'frame']);
  const cut = split(partsOf(sent, [0, 86, 59], 1), sent);
  expect(cut.map(({ span }) => span.bytes.length)).toEqual([1, 87, 60]);
});

test('a piece that a span ends with goes on in the spans behind it, and bears the moment of the last', () => {
  const sent = Array.from({ length: 3 }, (_, index) => testFrame(index + 1, { checksum: 'zero' }));
  const cut = sent[0]?.subarray(0, -5) ?? new Uint8Array();
  const found = split([cut, ...sent.slice(1)], sent);
  expect(found.map(({ span }) => span.bytes.length)).toEqual([
    cut.length,
    sent[1]?.length,
    sent[2]?.length,
  ]);
  expect(found.map(({ span }) => span.kind)).toEqual(['defect', 'frame', 'frame']);
});

test.each([1, 14, 15, 16, 17, 18, 40])(
  'a piece that a reader cuts into many loses no byte, wherever the next begins: %s headers in it',
  (count) => {
    const headers = Array.from({ length: count }, (_, at) =>
      testFrame(1_000 + at, { payload: new Uint8Array() }),
    );
    const value = concat(headers);
    const full = testFrame(2, {
      payload: concat([Uint8Array.of(1, 0xff), new Uint8Array(3), value]),
      checksum: 'zero',
    });
    const [first, last] = [testFrame(1, { checksum: 'zero' }), testFrame(3, { checksum: 'zero' })];
    for (const short of [1, 8, 33]) {
      const delivered = [first.subarray(0, 50), full.subarray(0, -short), last.subarray(0, 60)];
      const found = split(delivered, [first, full, last]);
      expect(concat(found.map(({ span }) => span.bytes))).toEqual(concat(delivered));
    }
  },
);
