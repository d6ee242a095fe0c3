/** Findings of what both sides have, but not alike: moved, late and changed messages. */
import type { Dialects } from '../read-capture.ts';
import type { ClientFacts } from '../client-facts.ts';
import { compareFrames, isEncodingOnly } from '../compare-frames.ts';
import { compareMeanings } from '../compare-meanings.ts';
import type { BytesOfItems } from '../fetch-bytes.ts';
import { unexplained } from '../noise/explain.ts';
import type { PairAlarm } from '../noise/judging.ts';
import type { PairNoise } from '../noise/stage.ts';
import type { ChangedPair, Item, ItemPair } from '../records.ts';
import type { ListMatcher } from '../rules/match-lists.ts';
import type { Difference } from '../types.ts';
import { type Finding, type NoiseAlarm, nameOf } from './finding.ts';

export function findMoved(
  connection: number,
  pairs: readonly ItemPair[],
  { isTapped }: ClientFacts,
): readonly Finding[] {
  const among = isTapped ? 'than it was fed' : 'among the messages of its publisher';
  const findings: Finding[] = [];
  for (const { old, new: neu, pairing } of pairs) {
    if (pairing.kind !== 'moved') continue;
    const { content } = old;
    const isFar = old.isFar === true || neu.isFar === true;
    findings.push({
      kind: 'reordered',
      connection,
      old,
      new: neu,
      timeNs: Math.min(old.arrivalNs, neu.arrivalNs),
      subject: content.subject,
      detail: `${nameOf(content)}: ${movedWords(pairing.distance, isFar)} ${among}`,
      title: `${content.subject} out of order in new`,
      differences: [],
      distance: isFar ? null : (pairing.distance ?? null),
      loss: undefined,
      ownCause: undefined,
    });
  }
  return findings;
}

function movedWords(distance: number | undefined, isFar: boolean): string {
  if (distance === undefined) return 'out of order in new, by how far would cost too much to say,';
  const least = isFar ? 'at least ' : '';
  const messages = `${least}${Math.abs(distance)} ${Math.abs(distance) === 1 ? 'message' : 'messages'}`;
  return distance > 0 ? `${messages} later in new` : `${messages} earlier in new`;
}

export interface Late {
  readonly behindNs: number;
  readonly lateAfterNs: number;
}

export function findLate(
  connection: number,
  { old, new: neu }: { readonly old: Item; readonly new: Item },
  { behindNs, lateAfterNs }: Late,
): Finding {
  const { content } = old;
  const words = `${millisecondsWords(behindNs)} later in new (allowed: ${millisecondsWords(lateAfterNs)})`;
  return {
    kind: 'late',
    connection,
    old,
    new: neu,
    timeNs: neu.arrivalNs,
    subject: content.subject,
    detail: `${nameOf(content)}: ${words}`,
    title: `${content.subject} late in new`,
    differences: [],
    loss: undefined,
    ownCause: undefined,
  };
}

function millisecondsWords(ns: number): string {
  return `${(ns / 1e6).toFixed(ns % 1e6 === 0 ? 0 : 1)} ms`;
}

const TITLE_FIELDS_MAX = 3;

export function findChanged(
  connection: number,
  pair: ChangedPair,
  bytes: BytesOfItems,
  dialects: Dialects,
  {
    noise,
    lists,
  }: { readonly noise?: PairNoise | undefined; readonly lists?: ListMatcher | undefined },
): Finding {
  const views = {
    old: { dialect: dialects.old, bytes: bytes.of(connection, 'old', pair.old) },
    new: { dialect: dialects.new, bytes: bytes.of(connection, 'new', pair.new) },
  };
  const isByMeaning = dialects.old.name !== dialects.new.name;
  const all = (isByMeaning ? compareMeanings : compareFrames)(views.old, views.new);
  const differences = noise === undefined ? all : unexplained(all, noise, views);
  const found = withDifferences(
    {
      connection,
      old: pair.old,
      new: pair.new,
      timeNs: Math.min(pair.old.arrivalNs, pair.new.arrivalNs),
      subject: pair.old.content.subject,
      loss: undefined,
      isMoved: pair.isMoved,
      ...(noise && noise.alarms.length > 0 && { alarms: withPlaces(noise.alarms, differences) }),
    },
    differences,
  );
  const matched = lists?.match({
    messages: { connection, old: pair.old.content, new: pair.new.content },
    views,
    isByMeaning,
    differences,
  });
  if (matched === undefined) return found;
  const { differences: left, lists: matchedLists } = matched;
  // With nothing left it keeps its name until the rules have swallowed it.
  if (left.length === 0) return { ...found, differences: [], matchedLists };
  return { ...withDifferences(found, left), matchedLists };
}

/** What a changed message is called follows from its differences: at least one. */
export function withDifferences(
  pair: Omit<Finding, 'kind' | 'title' | 'detail' | 'differences' | 'ownCause'>,
  differences: readonly Difference[],
): Finding {
  const paths = new Set(differences.map(({ path }) => path));
  const alarms = (pair.alarms ?? []).filter(
    (alarm) => !alarm.isDifference || paths.has(alarm.path),
  );
  const kind = alarms.length === 0 && isEncodingOnly(differences) ? 'encoding' : 'modified';
  const fields = fieldsOf(differences, alarms);
  const more = fields.length - TITLE_FIELDS_MAX;
  const shown =
    fields.slice(0, TITLE_FIELDS_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
  const notes = meaningfulOf(differences).map((each) => each.note);
  // Not one of the values is another than its layout could say.
  const isLayouts = notes.length > 0 && notes.every((note) => note !== undefined);
  const verb = isLayouts
    ? 'cannot be said alike in both layouts'
    : kind === 'encoding'
      ? 'encoded differently'
      : 'changed';
  const note = notes.find((each) => each !== undefined);
  const content = (pair.old ?? pair.new)?.content;
  const name = content === undefined ? pair.subject : nameOf(content);
  return {
    ...pair,
    kind,
    detail: [
      `${name}: ${verb}${isLayouts ? '' : ' in new'}: ${shown}`,
      ...(note === undefined ? [] : [note]),
      ...alarms.map((alarm) => alarm.detail),
      ...(pair.isMoved === true ? ['it also lost its place'] : []),
    ].join('; '),
    title: `${pair.subject} ${verb}: ${shown}`,
    differences,
    ownCause: isLayouts ? 'layout-without-room' : undefined,
  };
}

function withPlaces(
  alarms: readonly PairAlarm[],
  differences: readonly Difference[],
): readonly NoiseAlarm[] {
  const paths = new Set(differences.map(({ path }) => path));
  return alarms.map((alarm) => ({ ...alarm, isDifference: paths.has(alarm.path) }));
}

function meaningfulOf(differences: readonly Difference[]): readonly Difference[] {
  return differences.filter((item) => item.class === 'semantic' || item.class === 'volatile');
}

/** What noise does not explain, then fields by name, the meaningful ones if any; array positions are no part of a name. */
function fieldsOf(
  differences: readonly Difference[],
  alarms: readonly PairAlarm[],
): readonly string[] {
  const told = new Set(alarms.map(({ path }) => path));
  const others = differences.filter(({ path }) => !told.has(path));
  const meaningful = meaningfulOf(others);
  const named = meaningful.length > 0 || alarms.length > 0 ? meaningful : others;
  const fields = named.map(({ path, change }) => {
    const field = path.replaceAll(/\[\d+\]/g, '[]');
    return change === undefined ? field : `${field} ${change}`;
  });
  return [...new Set([...alarms.map(({ title }) => title), ...fields])];
}
