/**
 * Finds which fields differ between two instances of one relay before anything can be paired: when every
 * message is stamped, no content occurs on both sides. The messages of a type are compared as multisets: the
 * fields to leave out are the fewest without which both sides have the same messages. Works on a sample of
 * each type, of which only digests are kept.
 */
import { crc32 } from 'node:zlib';
import { readSpans } from '../../capture/spans.ts';
import type { CaptureReader, Side } from '../../capture/types.ts';
import { defined } from '../../lib/assert.ts';
import type { Dialect } from '../../protocol/types.ts';
import { checksumState } from '../../wire/header.ts';
import { walkTlvs } from '../../wire/tlv.ts';
import { CHECKSUM_FIELD, FIELD_BYTES_MAX, type FrameField, fieldsOf, typeKeyOf } from './fields.ts';
import type { Masks, TypeMask } from './mask.ts';

/** Messages of each type and side. */
const SAMPLE_MAX = 2_000;
const SAMPLE_MIN = 8;
/** Types of messages; hostile traffic has no end of them. */
const TYPES_MAX = 200;
/** Of a message: longer ones are rather structures than stamps. */
const TLVS_MAX = 64;
/** A field of which so many values have no equal on the other side is noisy by itself. */
const FOREIGN_SHARE = 0.5;
/** Leaving a field out must bring so many more messages together. */
const GAIN_MIN = 0.01;
/** Fields that are tried two at a time. */
const COUPLES_OF_MAX = 24;

/** Names what a message is, or how long: no noise. */
const STRUCTURE =
  /^header\.(magic|relay_domain|payload_size)$|^tlv\[\d+\]\.(type|length|marker|reserved)$|\.count$|\.unused$/;

export function isStructure(field: string): boolean {
  return STRUCTURE.test(field);
}

/** Digests of one message. */
interface Digest {
  /** The connection that it was delivered to. */
  readonly group: number;
  /** Of each field, whatever the order of its elements. */
  readonly sets: readonly number[];
  /** Of fields in arrays, with their order. */
  readonly orders: readonly number[];
}

interface Sample {
  readonly fields: string[];
  readonly indexes: Map<string, number>;
  readonly isCandidate: boolean[];
  readonly old: Digest[];
  readonly new: Digest[];
}

/** What to leave out of the messages of each type; types without noise have no mask. */
export function discoverMasks(reader: CaptureReader, dialect: Dialect): Masks {
  const samples = readSamples(reader, dialect);
  const masks = new Map<string, TypeMask>();
  for (const [type, sample] of samples) {
    const mask = maskOfSample(sample);
    if (mask !== undefined) masks.set(type, mask);
  }
  return masks;
}

function readSamples(reader: CaptureReader, dialect: Dialect): ReadonlyMap<string, Sample> {
  const samples = new Map<string, Sample>();
  for (const stream of reader.streams()) {
    if (stream.kind === 'client') continue;
    for (const { span } of readSpans(reader, stream, dialect.header)) {
      if (span.kind === 'frame')
        addToSample(samples, dialect, span.bytes, stream.kind, stream.connection);
    }
  }
  return samples;
}

function addToSample(
  samples: Map<string, Sample>,
  dialect: Dialect,
  frame: Uint8Array,
  side: Side,
  group: number,
): void {
  const { header } = dialect;
  const walk = walkTlvs(frame.subarray(header.sizeBytes));
  if (walk.tlvs.length > TLVS_MAX) return;
  const shape = walk.tlvs.map((tlv) => tlv.type).join(',') + (walk.defect === undefined ? '' : '!');
  const type = typeKeyOf(frame[header.offsets.relay_domain] ?? 0, shape);
  let sample = samples.get(type);
  if (sample === undefined) {
    if (samples.size >= TYPES_MAX) return;
    sample = { fields: [], indexes: new Map(), isCandidate: [], old: [], new: [] };
    samples.set(type, sample);
  }
  if (sample[side].length < SAMPLE_MAX) sample[side].push(digestOf(sample, dialect, frame, group));
}

function digestOf(sample: Sample, dialect: Dialect, frame: Uint8Array, group: number): Digest {
  const sets: number[] = [];
  const orders: number[] = [];
  for (const field of fieldsOf(dialect, frame)) {
    const index = indexOf(sample, field);
    const bytes =
      field.field === CHECKSUM_FIELD
        ? checksumBytes(dialect, frame, field)
        : frame.subarray(field.offset, field.offset + field.length);
    const digest = digestOfBytes(bytes, index);
    sets[index] = ((sets[index] ?? 0) + digest) % DIGESTS;
    if (field.field.includes('[]'))
      orders[index] = digestOfBytes(bytes, (orders[index] ?? 0) >>> 0);
  }
  return { group, sets, orders };
}

function indexOf({ fields, indexes, isCandidate }: Sample, { field, length }: FrameField): number {
  let index = indexes.get(field);
  if (index === undefined) {
    index = fields.push(field) - 1;
    indexes.set(field, index);
    isCandidate.push(length <= FIELD_BYTES_MAX && !isStructure(field));
  }
  return index;
}

/** That it was computed, or not: what it comes to follows from the rest. */
function checksumBytes(
  dialect: Dialect,
  frame: Uint8Array,
  { offset, length }: FrameField,
): Uint8Array {
  const state = checksumState(dialect.header, frame);
  if (state === 'wrong') return frame.subarray(offset, offset + length);
  return Uint8Array.of(state === 'zero' ? 0 : 1);
}

const DIGESTS = 2 ** 52;
const LOW = 2 ** 20;

/** Of 52 bits: sums of them are exact. */
function digestOfBytes(bytes: Uint8Array, seed: number): number {
  let low = seed ^ 0x811c9dc5;
  for (const byte of bytes) low = Math.imul(low ^ byte, 0x01000193);
  return crc32(bytes, seed) * LOW + (((low ^ (low >>> 12)) >>> 0) % LOW);
}

function maskOfSample(sample: Sample): TypeMask | undefined {
  const { old, new: neu, fields } = sample;
  if (Math.min(old.length, neu.length) < SAMPLE_MIN) return undefined;
  const chosen = chooseFields(sample);
  const arrays = orderFreeArrays(sample, chosen);
  const names = [...chosen].map((index) => defined(fields[index], 'field'));
  if (names.length + arrays.size === 0) return undefined;
  return {
    fields: new Set(names.filter((name) => name !== CHECKSUM_FIELD)),
    orderFree: arrays,
    checksumMayBeZero: names.includes(CHECKSUM_FIELD),
  };
}

/** The fewest fields without which both sides have the same messages. */
function chooseFields(sample: Sample): ReadonlySet<number> {
  const candidates = candidatesOf(sample);
  const chosen = new Set<number>();
  if (sharedWithout(sample, chosen) === 1) return chosen;
  for (const index of candidates) {
    if (1 - sharedOf(sample, (digest) => digest.sets[index] ?? 0) > FOREIGN_SHARE)
      chosen.add(index);
  }
  let shared = sharedWithout(sample, chosen);
  for (;;) {
    const rest = candidates.filter((index) => !chosen.has(index));
    const best = bestOf(
      sample,
      chosen,
      rest.map((index) => [index]),
    );
    const better =
      best !== undefined && best.shared >= shared + GAIN_MIN
        ? best
        : bestOf(sample, chosen, couplesOf(rest.slice(0, COUPLES_OF_MAX)));
    if (shared === 1 || better === undefined || better.shared < shared + GAIN_MIN) break;
    for (const index of better.fields) chosen.add(index);
    shared = better.shared;
  }
  // What was chosen first may be needed no more.
  const first = Array.from(chosen);
  for (const index of first) {
    chosen.delete(index);
    if (sharedWithout(sample, chosen) < shared) chosen.add(index);
  }
  return chosen;
}

/** Fields with more than one value; those with the most first. */
function candidatesOf({ fields, isCandidate, old, new: neu }: Sample): readonly number[] {
  return fields
    .map((_, index) => {
      const values = new Set([...old, ...neu].map((digest) => digest.sets[index]));
      return { index, values: isCandidate[index] === true ? values.size : 0 };
    })
    .filter(({ values }) => values > 1)
    .sort((left, right) => right.values - left.values)
    .map(({ index }) => index);
}

interface Choice {
  readonly fields: readonly number[];
  readonly shared: number;
}

function bestOf(
  sample: Sample,
  chosen: ReadonlySet<number>,
  choices: readonly (readonly number[])[],
): Choice | undefined {
  let best: Choice | undefined;
  for (const fields of choices) {
    const shared = sharedWithout(sample, new Set([...chosen, ...fields]));
    if (best === undefined || shared > best.shared) best = { fields, shared };
  }
  return best;
}

function couplesOf(indexes: readonly number[]): readonly (readonly number[])[] {
  return indexes.flatMap((left, at) => indexes.slice(at + 1).map((right) => [left, right]));
}

function sharedWithout(sample: Sample, without: ReadonlySet<number>): number {
  return sharedOf(sample, (digest) => keyOf(digest, without));
}

function keyOf({ sets }: Digest, without: ReadonlySet<number>): number {
  let key = 0;
  for (const [index, digest] of sets.entries()) {
    if (!without.has(index)) key = (key + digest) % DIGESTS;
  }
  return key;
}

/** The share of messages of the shorter side that have an equal on the other, on the same connection. */
function sharedOf({ old, new: neu }: Sample, key: (digest: Digest) => number): number {
  const counts = new Map<string, number>();
  for (const digest of old) {
    const text = `${digest.group} ${key(digest)}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  let shared = 0;
  for (const digest of neu) {
    const text = `${digest.group} ${key(digest)}`;
    const left = counts.get(text) ?? 0;
    if (left === 0) continue;
    counts.set(text, left - 1);
    shared++;
  }
  return shared / Math.min(old.length, neu.length);
}

/** Arrays of which the elements of equal messages come in another order. */
function orderFreeArrays(sample: Sample, chosen: ReadonlySet<number>): ReadonlySet<string> {
  const { fields, old, new: neu } = sample;
  const arrays = new Set<string>();
  const inArrays = fields.flatMap((field, index) =>
    field.includes('[]') && !chosen.has(index) ? [index] : [],
  );
  if (inArrays.length === 0) return arrays;
  const waiting = new Map<string, Digest[]>();
  for (const digest of [...old].reverse()) {
    const key = `${digest.group} ${keyOf(digest, chosen)}`;
    const list = waiting.get(key);
    if (list === undefined) waiting.set(key, [digest]);
    else list.push(digest);
  }
  for (const digest of neu) {
    const partner = waiting.get(`${digest.group} ${keyOf(digest, chosen)}`)?.pop();
    if (partner === undefined) continue;
    for (const index of inArrays) {
      if (partner.orders[index] !== digest.orders[index]) arrays.add(arrayOf(fields[index] ?? ''));
    }
  }
  return arrays;
}

/** The outermost array that a field is in. */
export function arrayOf(field: string): string {
  return field.slice(0, field.indexOf('[]') + '[]'.length);
}
