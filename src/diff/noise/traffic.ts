/**
 * What noise is learned from and judged on: the pairs of a comparison with the values that were left out of
 * their identity, and what has no pair, which explains steps of counters. Nothing here judges.
 */
import type { Side } from '../../capture/types.ts';
import type { ConnectionJudgement } from '../judge-connection.ts';
import type { Head, Item, Slot } from '../records.ts';
import { type FrameField, valueOf } from './fields.ts';
import type { KeptField, KeptValues } from './mask.ts';

/** What must be known of one of two messages besides its values. */
export interface NoisyHalf {
  readonly index: number;
  readonly arrivalNs: number;
  readonly content: { readonly head: Pick<Head, 'domain' | 'source'> | undefined };
}

/** Two messages of one type. Identity of the object: one pair of the comparison. */
export interface NoisyPair<Half extends NoisyHalf = NoisyHalf> {
  readonly connection: number;
  readonly old: Half;
  readonly new: Half;
  /** Not where its neighbours say that it belongs: its clock and its counters may say so too. */
  readonly isMoved: boolean;
  readonly type: string;
  readonly oldValues: KeptValues;
  readonly newValues: KeptValues;
}

/** A message of one side only. */
export interface LoneMessage {
  readonly connection: number;
  readonly side: Side;
  readonly item: Item;
  readonly slot: Slot;
}

export interface NoisyTraffic {
  /** In order of arrival from old. */
  readonly pairs: readonly NoisyPair<Item>[];
  readonly alone: readonly LoneMessage[];
}

/** One value of a pair on both sides. */
export interface Observation {
  readonly pair: NoisyPair;
  readonly path: string;
  readonly old: bigint;
  readonly new: bigint;
}

/** One field of the messages of one type, in order of arrival from old. */
export interface Series {
  readonly type: string;
  readonly field: string;
  readonly observations: readonly Observation[];
}

interface JudgedItems {
  readonly items: { readonly id: number };
  readonly judgement: Pick<ConnectionJudgement, 'pairs' | 'changed' | 'unpaired' | 'setAside'>;
}

export function trafficOf(judged: readonly JudgedItems[]): NoisyTraffic {
  const pairs: NoisyPair<Item>[] = [];
  const alone: LoneMessage[] = [];
  for (const { items, judgement } of judged) {
    const add = (old: Item, neu: Item, isMoved: boolean): void => {
      const pair = noisyPair(items.id, old, neu, isMoved);
      if (pair !== undefined) pairs.push(pair);
    };
    for (const { old, new: neu, pairing } of judgement.pairs)
      add(old, neu, pairing.kind === 'moved');
    for (const { old, new: neu, isMoved } of judgement.changed) add(old, neu, isMoved);
    const setAside = judgement.setAside.map(({ unpaired }) => unpaired);
    for (const { side, item, slot } of [...judgement.unpaired, ...setAside]) {
      if (item.content.isFrame) alone.push({ connection: items.id, side, item, slot });
    }
  }
  pairs.sort((left, right) => left.old.arrivalNs - right.old.arrivalNs);
  return { pairs, alone };
}

function noisyPair(
  connection: number,
  old: Item,
  neu: Item,
  isMoved: boolean,
): NoisyPair<Item> | undefined {
  const oldValues = old.content.noise;
  const newValues = neu.content.noise;
  if (oldValues === undefined || newValues === undefined) return undefined;
  const { type } = oldValues.layout;
  if (newValues.layout.type !== type) return undefined;
  return { connection, old, new: neu, isMoved, type, oldValues, newValues };
}

export function byType<Pair extends NoisyPair>(
  pairs: readonly Pair[],
): ReadonlyMap<string, readonly Pair[]> {
  const groups = new Map<string, Pair[]>();
  for (const pair of pairs) {
    const group = groups.get(pair.type);
    if (group === undefined) groups.set(pair.type, [pair]);
    else group.push(pair);
  }
  return groups;
}

/** Of a pair, each value of a field: arrays have several. */
export function* observationsOf(pair: NoisyPair, field: string): Generator<Observation> {
  for (const [oldField, newField] of matching(pair, field)) {
    yield {
      pair,
      path: oldField.path,
      old: keptValue(pair.oldValues, oldField),
      new: keptValue(pair.newValues, newField),
    };
  }
}

/** `pairs` of one type. What only one of two messages has is a difference already, and no noise. */
export function seriesOf(type: string, field: string, pairs: readonly NoisyPair[]): Series {
  const observations: Observation[] = [];
  for (const pair of pairs) {
    for (const observation of observationsOf(pair, field)) observations.push(observation);
  }
  return { type, field, observations };
}

/** Whether any value of this field differs in a pair. */
export function differs(pair: NoisyPair, field: string): boolean {
  for (const [oldField, newField] of matching(pair, field)) {
    if (keptValue(pair.oldValues, oldField) !== keptValue(pair.newValues, newField)) return true;
  }
  return false;
}

function* matching(
  { oldValues, newValues }: NoisyPair,
  field: string,
): Generator<readonly [KeptField, KeptField]> {
  const isSame = oldValues.layout === newValues.layout;
  for (const [index, kept] of oldValues.layout.fields.entries()) {
    if (kept.field !== field) continue;
    const other = isSame
      ? kept
      : (sameAt(newValues.layout.fields[index], kept) ??
        newValues.layout.fields.find((each) => each.path === kept.path));
    if (other !== undefined) yield [kept, other];
  }
}

function sameAt(candidate: KeptField | undefined, kept: KeptField): KeptField | undefined {
  return candidate?.path === kept.path ? candidate : undefined;
}

/** The values of a field of one message. */
export function valuesOf(values: KeptValues, field: string): readonly bigint[] {
  return values.layout.fields
    .filter((kept) => kept.field === field)
    .map((kept) => keptValue(values, kept));
}

const WORD_BYTES = 8;

function keptValue({ bytes }: KeptValues, { at, length, coding }: KeptField): bigint {
  if (coding?.endian === 'little' && coding.integer.startsWith('u') && length <= WORD_BYTES) {
    const part = (from: number, to: number): number => {
      let value = 0;
      for (let index = to - 1; index >= from; index--)
        value = value * 256 + bytes.charCodeAt(at + index);
      return value;
    };
    return (BigInt(part(4, Math.max(4, length))) << 32n) | BigInt(part(0, Math.min(4, length)));
  }
  const place: Pick<FrameField, 'offset' | 'length' | 'coding'> = { offset: 0, length, coding };
  return valueOf(Buffer.from(bytes.slice(at, at + length), 'latin1'), place);
}
