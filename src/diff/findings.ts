/**
 * Turns the judgement of a connection into findings: divergences before they have ids, groups and bytes.
 * Answers for the kind of each and for the sentence that a person reads; knows no cause.
 */
import type { Side } from '../capture/types.ts';
import type { Dialects } from './read-capture.ts';
import type { Loss } from './causes/rule.ts';
import type { Begun } from './beginnings.ts';
import type { ClientFacts, Sending } from './client-facts.ts';
import { compareFrames, isEncodingOnly } from './compare-frames.ts';
import { compareMeanings } from './compare-meanings.ts';
import type { ConnectionDifference } from './connection-history.ts';
import type { Deliveries, Lacked } from './deliveries.ts';
import type { BytesOfItems } from './fetch-bytes.ts';
import type { ConnectionJudgement } from './judge-connection.ts';
import { unexplained } from './noise/explain.ts';
import type { PairAlarm } from './noise/judging.ts';
import type { PairNoise } from './noise/stage.ts';
import {
  type ChangedPair,
  type Content,
  type Item,
  type ItemPair,
  otherSide,
  type Unpaired,
} from './records.ts';
import type { ListMatcher, MatchedList } from './rules/match-lists.ts';
import type { Difference, DivergenceKind, SwallowedPart } from './types.ts';

/** A value that does not fit its noise. */
export interface NoiseAlarm extends PairAlarm {
  /** It is one of the differences, and goes when a rule swallows that. */
  readonly isDifference: boolean;
}

export interface Finding {
  readonly kind: DivergenceKind;
  readonly connection: number;
  readonly old: Item | undefined;
  readonly new: Item | undefined;
  readonly timeNs: number;
  readonly subject: string;
  readonly detail: string;
  /** Title of its group, the cause left out; findings of one cause and title are one group. */
  readonly title: string;
  readonly differences: readonly Difference[];
  /** Of reordered ones: how far; null: too costly to say. */
  readonly distance?: number | null;
  /** The message that a side lost, when the finding comes from a loss. */
  readonly loss: Loss | undefined;
  /** A cause that the finding itself states. */
  readonly ownCause: string | undefined;
  /** What of it does not fit its noise. */
  readonly alarms?: readonly NoiseAlarm[];
  /** Of a connection divergence: who closed, refused or never answered. */
  readonly side?: Side | undefined;
  /** A changed message that is not where its neighbours say that it belongs. */
  readonly isMoved?: boolean | undefined;
  /** Differences that were none, because rules compare some lists as sets or maps. */
  readonly matchedLists?: readonly MatchedList[] | undefined;
  /** What rules took of it. */
  readonly swallowed?: readonly SwallowedPart[] | undefined;
}

export function inOrderOfTime(left: Finding, right: Finding): number {
  return left.timeNs - right.timeNs || left.connection - right.connection;
}

export function findUnpaired(
  connection: number,
  judgement: ConnectionJudgement,
  facts: ClientFacts,
  deliveries: Deliveries,
): readonly Finding[] {
  const originals = originalsOf(judgement);
  return judgement.unpaired.map((unpaired) => {
    const lacked = judgement.lacked.get(unpaired);
    if (unpaired.item.content.isFrame) {
      return frameFinding(connection, unpaired, lacked, originals);
    }
    return defectFinding(connection, unpaired, lacked?.sending, { facts, deliveries });
  });
}

/** Content id -> the item of old in its first pair: what a surplus copy in new is a copy of. */
function originalsOf(judgement: ConnectionJudgement): ReadonlyMap<number, Item> {
  const copies = new Set<number>();
  for (const { side, isCopy, item } of judgement.unpaired) {
    if (side === 'new' && isCopy) copies.add(item.content.id);
  }
  const originals = new Map<number, Item>();
  for (const { old } of judgement.pairs) {
    if (copies.has(old.content.id) && !originals.has(old.content.id)) {
      originals.set(old.content.id, old);
    }
  }
  return originals;
}

function frameFinding(
  connection: number,
  { side, item: unpairedItem, isCopy, isElsewhere, copies }: Unpaired,
  lacked: Lacked | undefined,
  originals: ReadonlyMap<number, Item>,
): Finding {
  const item = lacked?.item ?? unpairedItem;
  const { content, arrivalNs: timeNs } = item;
  const loss: Loss = {
    side: otherSide(side),
    connection,
    content,
    sending: lacked?.sending,
    timeNs,
  };
  const which =
    lacked === undefined
      ? `which of its ${copies} is not known`
      : `by the times this one of ${copies}`;
  const base = {
    connection,
    old: side === 'old' ? item : undefined,
    new: side === 'new' ? item : undefined,
    timeNs,
    subject: content.subject,
    differences: [],
    loss,
    ownCause: undefined,
  };
  const name = nameOf(content);
  if (isElsewhere) {
    const other = otherSide(side);
    const detail = `${name}: ${side} delivered it here, ${other} farther away than the order is looked at`;
    const title = `${content.subject} far out of order in new`;
    return { ...base, kind: side === 'old' ? 'missing' : 'extra', detail, title };
  }
  if (side === 'old') {
    const detail = isCopy
      ? `${name}: old delivered one copy more than new, ${which}`
      : `${name}: old delivered it, new did not`;
    const title = `${content.subject} missing from new`;
    return { ...base, kind: 'missing', detail, title: isCopy ? `copy of ${title}` : title };
  }
  if (!isCopy) {
    const detail = `${name}: new delivered it, old did not`;
    return { ...base, kind: 'extra', detail, title: `${content.subject} only in new` };
  }
  const detail = `${name}: new delivered one copy more than old, ${which}`;
  const title = `${content.subject} duplicated in new`;
  const old = originals.get(content.id);
  return { ...base, kind: 'duplicated', old, loss: undefined, detail, title };
}

function defectFinding(
  connection: number,
  { side, item }: Unpaired,
  sending: Sending | undefined,
  { facts, deliveries }: { readonly facts: ClientFacts; readonly deliveries: Deliveries },
): Finding {
  const wasSent = sending !== undefined;
  const begun = facts.wasSent(item.content) ? undefined : facts.begunBy(item.content, side);
  const origin =
    wasSent && facts.isTapped
      ? `${side} delivered them, ${otherSide(side)} did not`
      : defectOrigin(side, begun, wasSent);
  const bytes = `${item.content.length} bytes in ${side}`;
  const reader = item.detail === undefined ? '' : ` (${item.detail})`;
  const base = { connection, timeNs: item.arrivalNs };
  const loss: Loss | undefined = wasSent
    ? { ...base, side: otherSide(side), content: item.content, sending }
    : begun && {
        ...base,
        side,
        content: begun.content,
        sending: deliveries.firstUndelivered(begun.content, side),
      };
  return {
    ...base,
    kind: 'defect',
    old: side === 'old' ? item : undefined,
    new: side === 'new' ? item : undefined,
    subject: begun?.content.subject ?? item.content.subject,
    detail: `${bytes} are no frame${reader}: ${origin}`,
    title: defectTitle(side, begun?.content, wasSent),
    differences: [],
    loss,
    ownCause: undefined,
  };
}

function defectOrigin(side: Side, begun: Begun | undefined, wasSent: boolean): string {
  const other = otherSide(side);
  if (wasSent) return `a client sent them, ${side} forwarded them, ${other} did not`;
  if (begun === undefined) return `${other} did not deliver them`;
  const { content, candidates } = begun;
  const one = candidates === 1 ? '' : ` (one of ${candidates} messages that begin like this)`;
  return `the beginning of ${nameOf(content)}, of which ${content.length} bytes were sent${one}`;
}

function defectTitle(side: Side, begun: Content | undefined, wasSent: boolean): string {
  if (wasSent) return `bytes that are no frame, missing from ${otherSide(side)}`;
  if (begun !== undefined) return `${begun.subject} cut short in ${side}`;
  return `bytes that are no frame, only in ${side}`;
}

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

export function findConnectionDifference(difference: ConnectionDifference): Finding {
  const { connection, side, event, timeNs, detail } = difference;
  return connectionFinding({
    side,
    connection,
    timeNs,
    subject: event,
    detail,
    title: `connection ${event} by ${side}`,
    ownCause: event === 'closed early' ? 'relay-closed' : 'relay-unreachable',
  });
}

export function findSilentSide(side: Side, connection: number, timeNs: number): Finding {
  const other = otherSide(side);
  return connectionFinding({
    side,
    connection,
    timeNs,
    subject: 'never answered',
    detail: `the ${side} relay delivered no byte to this client, nor to any other; the ${other} one did`,
    title: `connection never answered by ${side}`,
    ownCause: 'side-forwards-nothing',
  });
}

type ConnectionWords = Pick<
  Finding,
  'side' | 'connection' | 'timeNs' | 'subject' | 'detail' | 'title' | 'ownCause'
>;

function connectionFinding(words: ConnectionWords): Finding {
  return {
    ...words,
    kind: 'connection',
    old: undefined,
    new: undefined,
    differences: [],
    loss: undefined,
  };
}

function nameOf(content: Content): string {
  const { head } = content;
  if (head === undefined) return `${content.length} bytes`;
  const role = `domain ${head.domain}, source ${head.source}, sequence ${head.sequence}`;
  return `${content.subject} (${role}, ${content.length} bytes)`;
}
