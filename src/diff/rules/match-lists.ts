/**
 * Compares lists whose order does not matter: as sets, or as maps by key fields. Where that leaves fewer differences
 * than the comparison place by place, those are what the messages differ in; a list that agrees leaves none. Needs
 * whole messages, so it works while they are compared, before anybody judges the differences.
 */
import { toHex } from '../../lib/bytes.ts';
import { describeFrame } from '../../protocol/leaves.ts';
import { meaningOf } from '../../protocol/meaning.ts';
import type { FrameView } from '../compare-frames.ts';
import type { ByteRange, Difference, DifferenceClass } from '../types.ts';
import type { ListRule, MessageFacts, Rule, RuleSet } from './rule.ts';

export interface ListRequest {
  readonly messages: Omit<MessageFacts, 'label'>;
  readonly views: { readonly old: FrameView; readonly new: FrameView };
  /** The sides speak two dialects: differences have the names that dialects share. */
  readonly isByMeaning: boolean;
  readonly differences: readonly Difference[];
}

/** A list that a rule compared in another way. */
export interface MatchedList {
  readonly rule: Rule;
  /** `tlv[0].OrderBook.bids`. */
  readonly place: string;
  /** How many differences fewer there are: at least one. */
  readonly count: number;
  /** The first of those that are gone. */
  readonly first: Difference;
}

export interface MatchedLists {
  readonly differences: readonly Difference[];
  readonly lists: readonly MatchedList[];
}

/** A leaf of a message, as far as the comparison needs it. */
interface Value {
  /** Behind the position of the element: `.price`; empty for an element that is a value. */
  readonly rest: string;
  /** Equal exactly for what is the same: bytes, or between two dialects the meaning. */
  readonly same: string;
  readonly text: string;
  readonly class: DifferenceClass;
  readonly bytes: ByteRange;
}

interface Element {
  /** With its position: `tlv[0].OrderBook.bids.elements[3]`. */
  readonly path: string;
  readonly values: ReadonlyMap<string, Value>;
}

interface List {
  readonly old: readonly Element[];
  readonly new: readonly Element[];
}

export class ListMatcher {
  readonly #rules: readonly Rule[];
  readonly #labelOf: (connection: number) => string;

  constructor({ rules }: RuleSet, labelOf: (connection: number) => string) {
    this.#rules = rules.filter((rule) => rule.list !== undefined && !rule.isExpired);
    this.#labelOf = labelOf;
  }

  /** undefined: no list says less than the places do. */
  match(request: ListRequest): MatchedLists | undefined {
    const facts = { ...request.messages, label: this.#labelOf(request.messages.connection) };
    const rules = this.#rules.filter((rule) => rule.selectsMessages(facts));
    if (rules.length === 0) return undefined;
    const places = placesOf(request.differences).filter((place) =>
      rules.some((rule) => rule.list?.isAt(place) === true),
    );
    const [first] = places;
    if (first === undefined) return undefined;
    const message = new ListedMessages(request);
    let { differences } = request;
    const lists: MatchedList[] = [];
    for (const place of places) {
      // What is inside a list that was matched has other names now.
      if (lists.some((list) => isInside(place, list.place))) continue;
      const list = message.listAt(place);
      const better = list && bestMatch(list, place, { rules, differences });
      if (better === undefined) continue;
      ({ differences } = better);
      lists.push(better.list);
    }
    return lists.length === 0 ? undefined : { differences, lists };
  }
}

/** Where the differences have lists around them, outer ones first: `tlv`, `tlv[0].OrderBook.bids`. */
function placesOf(differences: readonly Difference[]): readonly string[] {
  const places = new Set<string>();
  for (const { path } of differences) {
    for (const match of path.matchAll(/\[/g)) {
      places.add(path.slice(0, match.index).replace(/\.elements$/, ''));
    }
  }
  return [...places].sort((left, right) => left.length - right.length);
}

function isInside(path: string, place: string): boolean {
  return path.startsWith(`${place}[`) || path.startsWith(`${place}.elements[`);
}

interface Candidates {
  readonly rules: readonly Rule[];
  readonly differences: readonly Difference[];
}

/** The rule that leaves the fewest differences, so that the order of rules does not decide what is left. */
function bestMatch(
  list: List,
  place: string,
  { rules, differences }: Candidates,
): { readonly list: MatchedList; readonly differences: readonly Difference[] } | undefined {
  const inside = differences.filter(({ path }) => isInside(path, place));
  const [first] = inside;
  if (first === undefined) return undefined;
  const candidates = rules
    .flatMap((rule) => {
      if (rule.list?.isAt(place) !== true) return [];
      const left = compareElements(list, rule.list);
      return left === undefined ? [] : [{ rule, left, name: nameOf(rule.list) }];
    })
    .sort(
      (one, other) =>
        one.left.length - other.left.length ||
        (one.name < other.name ? -1 : Number(one.name > other.name)),
    );
  const [best] = candidates;
  if (best === undefined || best.left.length >= inside.length) return undefined;
  const outside = differences.filter((difference) => !inside.includes(difference));
  return {
    list: { rule: best.rule, place, count: inside.length - best.left.length, first },
    differences: [...outside, ...best.left].sort(
      (left, right) => left.bytes.offset - right.bytes.offset,
    ),
  };
}

function nameOf({ key }: ListRule): string {
  return key === undefined ? '' : JSON.stringify(key);
}

/** undefined: an element lacks a key field. Elements with one key belong together in their order. */
function compareElements(list: List, { key }: ListRule): readonly Difference[] | undefined {
  const waiting = new Map<string, Element[]>();
  for (const element of list.new) {
    const name = keyOf(element, key);
    if (name === undefined) return undefined;
    const same = waiting.get(name);
    if (same === undefined) waiting.set(name, [element]);
    else same.push(element);
  }
  const differences: Difference[] = [];
  for (const element of list.old) {
    const name = keyOf(element, key);
    if (name === undefined) return undefined;
    const partner = waiting.get(name)?.shift();
    if (partner === undefined) differences.push(onOneSide(element, 'old'));
    else differences.push(...compareValues(element, partner));
  }
  for (const element of [...waiting.values()].flat()) differences.push(onOneSide(element, 'new'));
  return differences;
}

function keyOf({ values }: Element, key: readonly string[] | undefined): string | undefined {
  if (key === undefined) {
    const meant = [...values.values()].filter((value) => value.class === 'semantic');
    return JSON.stringify(meant.map(({ rest, same }) => [rest, same]));
  }
  const parts: string[] = [];
  for (const field of key) {
    const value = values.get(`.${field}`);
    if (value === undefined) return undefined;
    parts.push(value.same);
  }
  return JSON.stringify(parts);
}

function* compareValues(old: Element, neu: Element): Generator<Difference> {
  for (const rest of new Set([...old.values.keys(), ...neu.values.keys()])) {
    const left = old.values.get(rest);
    const right = neu.values.get(rest);
    const value = left ?? right;
    if (value === undefined || left?.same === right?.same) continue;
    // As compare-frames says it: one value in other bytes is told by its bytes.
    const isSameText = left?.text === right?.text;
    yield {
      path: old.path + rest,
      old: (isSameText ? left?.same : left?.text) ?? null,
      new: (isSameText ? right?.same : right?.text) ?? null,
      bytes: value.bytes,
      class: isSameText && value.class === 'semantic' ? 'encoding' : value.class,
    };
  }
}

function onOneSide(element: Element, side: 'old' | 'new'): Difference {
  const values = [...element.values.values()];
  const isValue = values.length === 1 && values[0]?.rest === '';
  const text = values
    .filter((value) => value.class === 'semantic')
    .map(({ rest, text: said }) => (isValue ? said : `${rest.slice(1)} ${said}`))
    .join(', ');
  const offset = Math.min(...values.map(({ bytes }) => bytes.offset));
  const end = Math.max(...values.map(({ bytes }) => bytes.offset + bytes.length));
  return {
    path: element.path,
    old: side === 'old' ? text : null,
    new: side === 'new' ? text : null,
    bytes: { offset, length: end - offset },
    class: 'semantic',
  };
}

/** Both messages of a pair, read once for all their lists. */
class ListedMessages {
  readonly #old: ReadonlyMap<string, Omit<Value, 'rest'>>;
  readonly #new: ReadonlyMap<string, Omit<Value, 'rest'>>;

  constructor({ views, isByMeaning }: ListRequest) {
    const read = isByMeaning ? meaningValues : leafValues;
    this.#old = read(views.old);
    this.#new = read(views.new);
  }

  /** undefined: the TLV that it is in has another position in the other message, or may have. */
  listAt(place: string): List | undefined {
    const position = Number(/^tlv\[(\d+)\]/.exec(place)?.[1] ?? -1);
    for (let at = 0; at <= position; at++) {
      const path = `tlv[${at}].type`;
      if (this.#old.get(path)?.same !== this.#new.get(path)?.same) return undefined;
    }
    return { old: elementsAt(this.#old, place), new: elementsAt(this.#new, place) };
  }
}

function leafValues({ dialect, bytes }: FrameView): ReadonlyMap<string, Omit<Value, 'rest'>> {
  return new Map(
    describeFrame(dialect, bytes).map(({ path, value, offset, length, class: leafClass }) => [
      path,
      {
        same: toHex(bytes.subarray(offset, offset + length)),
        text: value,
        class: leafClass,
        bytes: { offset, length },
      },
    ]),
  );
}

function meaningValues({ dialect, bytes }: FrameView): ReadonlyMap<string, Omit<Value, 'rest'>> {
  const places = new Map(
    describeFrame(dialect, bytes, 'shared').map(({ path, offset, length }) => [
      path,
      { offset, length },
    ]),
  );
  return new Map(
    [...meaningOf(dialect, bytes).values].map(([path, { key }]) => [
      path,
      {
        same: key,
        text: key,
        class: 'semantic' as const,
        bytes: places.get(path) ?? { offset: 0, length: bytes.length },
      },
    ]),
  );
}

function elementsAt(
  values: ReadonlyMap<string, Omit<Value, 'rest'>>,
  place: string,
): readonly Element[] {
  const elements = new Map<string, Map<string, Value>>();
  for (const [path, value] of values) {
    if (!isInside(path, place)) continue;
    const end = path.indexOf(']', place.length) + 1;
    const element = path.slice(0, end);
    const rest = path.slice(end);
    const known = elements.get(element);
    if (known === undefined) elements.set(element, new Map([[rest, { ...value, rest }]]));
    else known.set(rest, { ...value, rest });
  }
  return [...elements].map(([path, found]) => ({ path, values: found }));
}
