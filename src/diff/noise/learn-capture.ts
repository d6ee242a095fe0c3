/**
 * Learns a noise model from a capture of old against old: finds which fields differ, pairs the messages
 * without these, learns what each is like, and compares the capture with itself by what it learned. What no
 * type of noise fits is put back into the identity of messages, and they are paired again.
 */
import { basename } from 'node:path';
import { earlyPart } from '../../capture/early-part.ts';
import type { CaptureReader } from '../../capture/types.ts';
import { OperatingError } from '../../lib/operating-error.ts';
import type { Dialect } from '../../protocol/types.ts';
import { checksumState } from '../../wire/header.ts';
import { compareFrames, type FrameView } from '../compare-frames.ts';
import type { Judged } from '../count-result.ts';
import { diffCapture } from '../diff-capture.ts';
import { WantedItems } from '../fetch-bytes.ts';
import { Identity } from '../identity.ts';
import { readHistories } from '../histories.ts';
import { judgeConnections } from '../judge-capture.ts';
import { type CaptureContents, readCapture } from '../read-capture.ts';
import type { ChangedPair, Item } from '../records.ts';
import { arrayOf, discoverMasks, isStructure } from './discover.ts';
import { ANY_SHAPE, CHECKSUM_FIELD, FIELD_BYTES_MAX, fieldOf, typeKeyOf } from './fields.ts';
import { withAnyOther } from './any-other.ts';
import { masksOf } from './judge.ts';
import { NOISE_PAIRS_MIN } from './judgement.ts';
import { type LearnedNoise, learnNoise } from './learn.ts';
import { type Masks, NoiseMask, type TypeMask } from './mask.ts';
import type { NoiseModel, UnlearnedField } from './model.ts';
import { type Stamps, stampsOf } from './pair-copies.ts';
import { trafficOf } from './traffic.ts';

const ROUNDS_MAX = 6;
/** Changed pairs of a capture that are looked into for fields which the sample did not show. */
const CHANGED_MAX = 5_000;
const FIELD_CHANGES_MIN = 5;
const FIELD_CHANGES_SHARE = 0.01;

/** Of both sides together: what is learned from is kept, and so much of it teaches what there is to know. */
const LEARNED_BYTES_MAX = 8_388_608;

/**
 * Learns from the beginning of a capture, and holds the whole of it against what it learned. Throws NOISE_INVALID when
 * there is nothing to learn from.
 */
export function learnFromCapture(
  whole: CaptureReader,
  dialect: Dialect,
  bytesMax = LEARNED_BYTES_MAX,
): NoiseModel {
  const reader = earlyPart(whole, bytesMax);
  let masks = discoverMasks(reader, dialect);
  let stamps: Stamps = new Map();
  const refused = new Map<string, UnlearnedField>();
  for (let round = 1; ; round++) {
    const paired = pairAll(reader, dialect, masks, stamps);
    const missed = missedFields(reader, dialect, paired, { masks, refused });
    if (missed.size > 0 && round < ROUNDS_MAX) {
      masks = masksWith(masks, missed);
      continue;
    }
    const learned = learnNoise(trafficOf(paired.judged), masks);
    for (const one of learned.unlearned) refused.set(fieldKey(typeOf(one), one.field), one);
    const wasGuessed = stamps.size === 0 && hasCopiesLeft(paired.judged);
    stamps = stampsOf(learned);
    const isSettled = learned.unlearned.length === 0 && !(wasGuessed && stamps.size > 0);
    if (isSettled || round >= ROUNDS_MAX) {
      const types = withAnyOther(
        learned.types,
        trafficOf(paired.judged),
        countPairs(paired.judged),
      );
      return modelOf(
        whole,
        dialect,
        { ...learned, types, unlearned: [...refused.values()] },
        paired,
      );
    }
    masks = masksOf(learned.types);
  }
}

interface PairedCapture {
  readonly contents: CaptureContents;
  readonly judged: readonly Judged[];
}

function pairAll(
  reader: CaptureReader,
  dialect: Dialect,
  masks: Masks,
  stamps: Stamps,
): PairedCapture {
  const dialects = { old: dialect, new: dialect };
  const identity = new Identity(dialects, new NoiseMask(masks));
  const contents = readCapture(reader, { identity, remarks: false });
  const context = { contents, dialects, histories: readHistories(reader) };
  const { connections: judged } = judgeConnections(reader, context, stamps);
  return { contents, judged };
}

/** Some message that occurs again had no partner: which of them it was may have been a guess. */
function hasCopiesLeft(judged: readonly Judged[]): boolean {
  return judged.some(({ judgement }) =>
    judgement.unpaired.some(({ isCopy, item }) => isCopy && item.content.noise !== undefined),
  );
}

/** Type -> fields. */
type FieldsOfTypes = ReadonlyMap<string, ReadonlySet<string>>;

/** Fields in which pairs differ again and again although they are no part of the masks. */
function missedFields(
  reader: CaptureReader,
  dialect: Dialect,
  { contents, judged }: PairedCapture,
  known: { readonly masks: Masks; readonly refused: ReadonlyMap<string, unknown> },
): FieldsOfTypes {
  const changed = judged
    .flatMap(({ items, judgement }) =>
      judgement.changed.map((pair) => ({ connection: items.id, pair })),
    )
    .filter(({ pair }) => isOneType(pair))
    .slice(0, CHANGED_MAX);
  const wanted = new WantedItems();
  for (const { connection, pair } of changed) {
    wanted.add(connection, 'old', pair.old);
    wanted.add(connection, 'new', pair.new);
  }
  const bytes = wanted.fetch(reader, contents.rows);
  const counts = new Map<string, Map<string, number>>();
  for (const { connection, pair } of changed) {
    const type = typeOfItem(pair.old);
    const fields = counts.get(type) ?? new Map<string, number>();
    counts.set(type, fields);
    const old = { dialect, bytes: bytes.of(connection, 'old', pair.old) };
    const neu = { dialect, bytes: bytes.of(connection, 'new', pair.new) };
    for (const field of stampedFields(old, neu)) fields.set(field, (fields.get(field) ?? 0) + 1);
  }
  const pairCounts = countPairs(judged);
  const missed = new Map<string, Set<string>>();
  for (const [type, fields] of counts) {
    const enough = Math.max(
      FIELD_CHANGES_MIN,
      FIELD_CHANGES_SHARE * (pairCounts.get(type)?.pairs ?? 0),
    );
    const mask = known.masks.get(type);
    const found = [...fields].filter(
      ([field, count]) =>
        count >= enough && !isMasked(mask, field) && !known.refused.has(fieldKey(type, field)),
    );
    if (found.length > 0) missed.set(type, new Set(found.map(([field]) => field)));
  }
  return missed;
}

function isOneType({ old, new: neu }: ChangedPair): boolean {
  return typeOfItem(old) === typeOfItem(neu);
}

function isMasked(mask: TypeMask | undefined, field: string): boolean {
  if (mask === undefined) return false;
  if (field === CHECKSUM_FIELD) return mask.checksumMayBeZero;
  if (mask.fields.has(field)) return true;
  return field.includes('[]') && mask.orderFree.has(arrayOf(field));
}

/** Fields in which two messages differ and that may hold a value of their own. */
function stampedFields(old: FrameView, neu: FrameView): ReadonlySet<string> {
  const fields = new Set<string>();
  for (const { path, bytes } of compareFrames(old, neu)) {
    const field = fieldOf(path);
    if (bytes.length > FIELD_BYTES_MAX || isStructure(field)) continue;
    if (field === CHECKSUM_FIELD && !isComputedOnOne(old, neu)) continue;
    fields.add(field);
  }
  return fields;
}

function isComputedOnOne(old: FrameView, neu: FrameView): boolean {
  const states = new Set(
    [old, neu].map(({ dialect, bytes }) => checksumState(dialect.header, bytes)),
  );
  return states.has('zero') && states.has('valid');
}

function masksWith(masks: Masks, missed: FieldsOfTypes): Masks {
  const wider = new Map(masks);
  for (const [type, fields] of missed) {
    const mask = masks.get(type);
    wider.set(type, {
      fields: new Set(
        [...(mask?.fields ?? []), ...fields].filter((field) => field !== CHECKSUM_FIELD),
      ),
      orderFree: mask?.orderFree ?? new Set(),
      checksumMayBeZero: mask?.checksumMayBeZero === true || fields.has(CHECKSUM_FIELD),
    });
  }
  return wider;
}

function fieldKey(type: string, field: string): string {
  return `${type}\n${field}`;
}

function typeOf({ domain, shape }: { domain: number; shape: string }): string {
  return typeKeyOf(domain, shape);
}

function typeOfItem({ content }: Item): string {
  return typeKeyOf(content.head?.domain ?? 0, content.shape);
}

interface TypeCount {
  readonly domain: number;
  readonly shape: string;
  readonly subject: string;
  pairs: number;
}

function countPairs(judged: readonly Judged[]): ReadonlyMap<string, TypeCount> {
  const counts = new Map<string, TypeCount>();
  for (const { judgement } of judged) {
    for (const { old } of [...judgement.pairs, ...judgement.changed]) {
      const { isFrame, head, shape, subject } = old.content;
      if (!isFrame) continue;
      const type = typeOfItem(old);
      const known = counts.get(type);
      if (known === undefined) {
        counts.set(type, { domain: head?.domain ?? 0, shape, subject, pairs: 1 });
      } else known.pairs++;
    }
  }
  return counts;
}

function modelOf(
  reader: CaptureReader,
  dialect: Dialect,
  { types, unlearned, falseAlarms }: LearnedNoise,
  { judged }: PairedCapture,
): NoiseModel {
  const counts = countPairs(judged);
  const pairs = [...counts.values()].reduce((sum, count) => sum + count.pairs, 0);
  if (pairs === 0) {
    throw new OperatingError('NOISE_INVALID', `nothing can be learned from ${reader.path}`, {
      hint: 'It holds no message that both sides delivered. Record two instances of the old relay.',
    });
  }
  const noisy = new Set(types.map(typeOf));
  const constant = [...counts].flatMap(([type, count]) =>
    noisy.has(type) || count.pairs < NOISE_PAIRS_MIN ? [] : [count],
  );
  const stamped = new Map(
    types
      .filter(({ shape }) => shape === ANY_SHAPE)
      .map(({ domain, fields }) => [domain, new Set(fields.map(({ field }) => field))]),
  );
  const model: NoiseModel = {
    format: 'relaydiff-noise/1',
    source: basename(reader.path),
    dialect: dialect.name,
    pairs,
    divergences: 0,
    types: [...types],
    constant,
    // What was too seldom to learn from by itself goes with the rest of its domain.
    unlearned: unlearned.filter(
      (one) => one.pairs >= NOISE_PAIRS_MIN || stamped.get(one.domain)?.has(one.field) !== true,
    ),
    falseAlarms,
  };
  const result = diffCapture(reader, {
    oldDialect: dialect,
    newDialect: dialect,
    divergencesListedMax: 0,
    remarks: false,
    noise: model,
  });
  const found = Object.values(result.counts.divergences);
  return { ...model, divergences: found.reduce((sum, count) => sum + count, 0) };
}
