/** What must hold for any bytes: each law throws when it is broken. */
import assert from 'node:assert/strict';
import { toHex } from '../../src/lib/bytes.ts';
import { decodeMessage } from '../../src/protocol/decode.ts';
import { judgeBytes } from '../../src/protocol/judge.ts';
import { describeFrame } from '../../src/protocol/leaves.ts';
import { remarksOn } from '../../src/protocol/remarks.ts';
import type { DecodedValue, Dialect, Leaf, Message } from '../../src/protocol/types.ts';
import { DEFAULT_FRAME_LIMITS } from '../../src/wire/frame-rules.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { Span } from '../../src/wire/types.ts';
import type { Random } from './random.ts';

/** Laws that take longer than all others together are checked on a part of the inputs. */
const SPLIT_SHARE = 1 / 8;
const DESCRIBED_SHARE = 1 / 4;
/** Longer inputs are streams. As one message, a mebibyte of TLVs without value takes a second to name. */
const MESSAGE_BYTES_MAX = 65_536;
const HELD_BYTES_MAX = 3 * DEFAULT_FRAME_LIMITS.frameBytesMax;

export function checkLaws(dialect: Dialect, input: Uint8Array, random: Random): void {
  const spans = readWhole(dialect, input);
  if (random.chance(SPLIT_SHARE)) checkSplits(dialect, input, spans, random);
  if (input.length <= MESSAGE_BYTES_MAX) checkDecoded(dialect, input);
  const frame = spans.find(({ kind }) => kind === 'frame');
  if (frame !== undefined) checkDecoded(dialect, frame.bytes);
  if (random.chance(DESCRIBED_SHARE)) {
    checkDescribed(dialect, (frame?.bytes ?? input).subarray(0, MESSAGE_BYTES_MAX));
  }
}

interface SpanOutline {
  readonly kind: string;
  readonly offset: number;
  readonly length: number;
  readonly detail: string;
}

function outline(span: Span): SpanOutline {
  const { kind, offset, bytes } = span;
  const detail = kind === 'frame' ? '' : span.detail;
  const defect = kind === 'defect' ? span.defect : kind;
  return { kind: defect, offset, length: bytes.length, detail };
}

/** Spans cover every byte once, in order, with the bytes that were pushed. */
function readWhole(dialect: Dialect, input: Uint8Array): readonly Span[] {
  const reader = new FrameReader(dialect.header);
  const spans: Span[] = [];
  let covered = 0;
  const take = (some: readonly Span[]): void => {
    for (const { offset, bytes } of some) {
      assert.equal(offset, covered, 'spans follow each other');
      assert.notEqual(bytes.length, 0, 'no span is empty');
      const wanted = input.subarray(covered, covered + bytes.length);
      assert.equal(Buffer.compare(bytes, wanted), 0, 'a span has the bytes of the stream');
      covered += bytes.length;
    }
    spans.push(...some);
  };
  take(reader.push(input));
  take(reader.flush());
  assert.equal(covered, input.length, 'spans cover the stream');
  assert.equal(reader.pendingBytes, 0, 'nothing is left after the end');
  return spans;
}

function checkSplits(
  dialect: Dialect,
  input: Uint8Array,
  whole: readonly Span[],
  random: Random,
): void {
  const reader = new FrameReader(dialect.header);
  const seen: SpanOutline[] = [];
  const chunkMax = random.pick([1, 7, 40, 333, input.length + 1]);
  const chunkMin = Math.floor(input.length / 5_000);
  for (let place = 0; place < input.length; ) {
    const end = Math.min(input.length, place + 1 + chunkMin + random.below(chunkMax));
    seen.push(...reader.push(input.subarray(place, end)).map(outline));
    assert.ok(reader.pendingBytes <= HELD_BYTES_MAX, 'the reader holds bounded bytes');
    place = end;
  }
  seen.push(...reader.flush().map(outline));
  assert.deepEqual(seen, whole.map(outline), 'splits do not matter');
}

/** One message, whatever it is, is decoded, and its TLVs tile the payload. */
function checkDecoded(dialect: Dialect, frame: Uint8Array): void {
  const { sizeBytes } = dialect.header;
  if (frame.length < sizeBytes) return;
  const { tlvs, defect } = decodeMessage(dialect, frame);
  const covered = tlvs.reduce((sum, tlv) => sum + tlv.length + (tlv.extended ? 5 : 2), 0);
  assert.equal(covered + (defect?.length ?? 0), frame.length - sizeBytes, 'TLVs tile the payload');
}

/** Leaves name each byte once and hold the values of the message; remarks and judgement agree with both. */
function checkDescribed(dialect: Dialect, frame: Uint8Array): void {
  let named = 0;
  const leaves = describeFrame(dialect, frame);
  for (const { offset, length, path } of leaves) {
    if (offset !== named || length === 0) assert.fail(`a hole or overlap at ${path}`);
    named += length;
  }
  assert.equal(named, frame.length, 'leaves name every byte');
  const judged = judgeBytes(dialect, frame);
  const { sizeBytes, magic } = dialect.header;
  if (frame.length < sizeBytes) {
    assert.equal(judged[0]?.kind, 'truncated-header');
    return;
  }
  const remarks = remarksOn(dialect, frame);
  const message = decodeMessage(dialect, frame);
  const { defect, checksum, header } = message;
  // The one reads byte by byte along the layout, the other with code made of it.
  const said = leaves.filter((leaf) => leaf.class === 'semantic' && !isOfHeader(leaf));
  assert.equal(
    said.map(({ value }) => value).join(' '),
    payloadValues(message, frame, sizeBytes).join(' '),
    'leaves and message hold the same values',
  );
  if (checksum === 'wrong') assert.ok(remarks.some(({ kind }) => kind === 'wrong-checksum'));
  const isFramed = header.payload_size === frame.length - sizeBytes && header.magic === magic;
  if (isFramed && judged.length === 0) {
    assert.equal(remarks.length, 0, 'nothing is remarked on a message without fault');
    assert.equal(defect, undefined);
  }
}

function isOfHeader({ path }: Leaf): boolean {
  return path.startsWith('header.');
}

/** What the payload says, in its order: of each TLV its type and its values, then what could not be read. */
function payloadValues(
  { tlvs, defect }: Message,
  frame: Uint8Array,
  headerBytes: number,
): readonly string[] {
  const values: string[] = [];
  for (const { type, fields } of tlvs) {
    values.push(String(type));
    addValues(fields, values);
  }
  if (defect !== undefined) addValues(frame.subarray(headerBytes + defect.offset), values);
  return values;
}

function addValues(value: DecodedValue, values: string[]): void {
  if (value instanceof Uint8Array) {
    // A leaf has bytes: the empty end of a value is none.
    if (value.length > 0) values.push(toHex(value));
  } else if (typeof value === 'object') {
    for (const part of Object.values(value)) addValues(part, values);
  } else {
    values.push(String(value));
  }
}
