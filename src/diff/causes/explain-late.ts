/**
 * Gives late messages a cause by the way they came. Messages that came due while new delivered nothing to a client, and
 * then came together, were held up by one thing; what else is late has a cause only where most of all messages are.
 * What held them up is not known: only whether other clients were served meanwhile.
 */
import type { Finding } from '../findings/finding.ts';
import type { Item } from '../records.ts';
import type { Cause } from './rule.ts';

/** One or two late messages may be late by themselves. */
const HELD_UP_MIN = 3;
/** Of the time that the first of them waited, so much passed without any delivery to its client. */
const SILENT_SHARE_MIN = 0.5;
/** Of all messages that were compared. */
const SLOWER_SHARE_MIN = 0.5;

interface ConnectionItems {
  readonly id: number;
  readonly old: readonly Item[];
  readonly new: readonly Item[];
}

interface LateFinding extends Finding {
  readonly old: Item;
  readonly new: Item;
}

/** A time without deliveries to one client, and what came due in it. */
interface Pause {
  readonly connection: number;
  readonly fromNs: number;
  readonly toNs: number;
  readonly held: readonly LateFinding[];
}

type Meanwhile = 'served' | 'owed' | 'unknown';

/** Adds up what was late, window by window, before it is asked for causes. Of findings only late ones matter here. */
export class LateEvidence {
  readonly #pauses = { pauses: 0, messages: 0, longestNs: 0, served: 0, owed: 0 };
  #alone = 0;
  /** How far behind those were that came alone. */
  readonly #behindNs: number[] = [];
  #compared = 0;

  add(findings: readonly Finding[], connections: readonly ConnectionItems[]): void {
    const { pauses, alone } = sorted(findings, connections);
    const tally = this.#pauses;
    for (const pause of pauses) {
      tally.pauses++;
      tally.messages += pause.held.length;
      tally.longestNs = Math.max(tally.longestNs, pause.toNs - pause.fromNs);
      const fate = meanwhileOf(pause, connections);
      if (fate !== 'unknown') tally[fate]++;
    }
    for (const { old, new: neu } of alone) {
      this.#alone++;
      if (this.#behindNs.length < BEHIND_MAX) this.#behindNs.push(neu.arrivalNs - old.arrivalNs);
    }
  }

  /** How many messages were compared in time, late or not. */
  noteCompared(compared: number): void {
    this.#compared = compared;
  }

  causesIn(
    findings: readonly Finding[],
    connections: readonly ConnectionItems[],
  ): (finding: Finding) => Cause | undefined {
    const causes = new Map<Finding, Cause>();
    const { pauses, alone } = sorted(findings, connections);
    if (pauses.length > 0) {
      const cause = heldUp(this.#pauses);
      for (const finding of pauses.flatMap(({ held }) => held)) causes.set(finding, cause);
    }
    if (this.#alone >= HELD_UP_MIN && this.#alone >= SLOWER_SHARE_MIN * this.#compared) {
      const facts = { late: this.#alone, behindNs: this.#behindNs, compared: this.#compared };
      const cause = slower(facts);
      for (const finding of alone) causes.set(finding, cause);
    }
    return (finding) => causes.get(finding);
  }
}

/** Of which the middle is said; of more, of the first ones. */
const BEHIND_MAX = 65_536;

function sorted(
  findings: readonly Finding[],
  connections: readonly ConnectionItems[],
): { readonly pauses: readonly Pause[]; readonly alone: readonly LateFinding[] } {
  const late = findings.filter(isLate);
  if (late.length === 0) return { pauses: [], alone: [] };
  const pauses = connections.flatMap((connection) => [
    ...pausesOf(
      connection,
      late.filter((finding) => finding.connection === connection.id),
    ),
  ]);
  const held = new Set<Finding>(pauses.flatMap((pause) => pause.held));
  return { pauses, alone: late.filter((finding) => !held.has(finding)) };
}

function isLate(finding: Finding): finding is LateFinding {
  return finding.kind === 'late' && finding.old !== undefined && finding.new !== undefined;
}

/** Each begins with a late message, and holds what was due before that came: all of it waited for the same end. */
function* pausesOf(
  { id, new: delivered }: ConnectionItems,
  late: readonly LateFinding[],
): Generator<Pause> {
  const inOrder = [...late].sort((left, right) => left.new.index - right.new.index);
  let at = 0;
  while (at < inOrder.length) {
    const first = inOrder[at];
    if (first === undefined) return;
    const toNs = first.new.arrivalNs;
    let end = at + 1;
    while ((inOrder[end]?.old.arrivalNs ?? Number.POSITIVE_INFINITY) < toNs) end++;
    const held = inOrder.slice(at, end);
    at = end;
    const dueNs = Math.min(...held.map(({ old }) => old.arrivalNs));
    const fromNs = Math.max(
      dueNs,
      delivered[placeOf(delivered, first.new) - 1]?.arrivalNs ?? dueNs,
    );
    const isSilent = toNs - fromNs >= SILENT_SHARE_MIN * (toNs - dueNs);
    if (held.length >= HELD_UP_MIN && isSilent) yield { connection: id, fromNs, toNs, held };
  }
}

/** Items are in order of their index. */
function placeOf(items: readonly Item[], { index }: Item): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.index ?? index) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface PausesTally {
  readonly pauses: number;
  readonly messages: number;
  readonly longestNs: number;
  readonly served: number;
  readonly owed: number;
}

function heldUp({ pauses, messages, longestNs, served, owed }: PausesTally): Cause {
  const many = pauses > 1;
  const evidence =
    `${messages} messages came due in ${pauses} ${many ? 'pauses' : 'pause'} of ${many ? 'up to ' : ''}${milliseconds(longestNs)} in which ` +
    `new delivered nothing to their client, and came together behind ${many ? 'them' : 'it'}. ${meanwhileWords({ served, owed, of: pauses })}`;
  return {
    name: 'held-up',
    because: 'held up together',
    explanation: heldUpExplanation({ served, owed, of: pauses }),
    evidence,
  };
}

interface Fates {
  readonly served: number;
  readonly owed: number;
  readonly of: number;
}

function heldUpExplanation({ served, owed, of }: Fates): string {
  if (served === of) return 'consistent with a client that did not read in time';
  if (owed === of) return 'consistent with a relay that stood still';
  return 'consistent with a relay, or clients, that did nothing for a while';
}

function meanwhileWords({ served, owed, of }: Fates): string {
  if (served === 0 && owed === 0) return 'No other client was owed anything meanwhile.';
  const times = (count: number): string => (of === 1 ? '' : ` in ${count} of them`);
  const words = [
    ...(served > 0 ? [`other clients were served meanwhile${times(served)}`] : []),
    ...(owed > 0
      ? [`no other client got anything meanwhile${times(owed)}, though it was due`]
      : []),
  ].join('; ');
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/** Of the other clients, in the middle of the pause: at its borders clocks and reads blur. */
function meanwhileOf(
  { connection, fromNs, toNs }: Pause,
  connections: readonly ConnectionItems[],
): Meanwhile {
  const quarterNs = (toNs - fromNs) / 4;
  const hasWithin = (items: readonly Item[]): boolean =>
    firstArrivalFrom(items, fromNs + quarterNs) < toNs - quarterNs;
  const others = connections.filter(({ id }) => id !== connection);
  if (others.some((one) => hasWithin(one.new))) return 'served';
  return others.some((one) => hasWithin(one.old)) ? 'owed' : 'unknown';
}

/** Items arrive in order. Infinity: none came then. */
function firstArrivalFrom(items: readonly Item[], fromNs: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((items[middle]?.arrivalNs ?? 0) < fromNs) low = middle + 1;
    else high = middle;
  }
  return items[low]?.arrivalNs ?? Number.POSITIVE_INFINITY;
}

interface SlowerFacts {
  readonly late: number;
  readonly behindNs: readonly number[];
  readonly compared: number;
}

function slower({ late, behindNs, compared }: SlowerFacts): Cause {
  const behind = behindNs.toSorted((left, right) => left - right);
  const middleNs = behind[Math.floor(behind.length / 2)] ?? 0;
  return {
    name: 'slower-throughout',
    because: 'most messages are',
    explanation: 'consistent with a relay that takes longer for each message',
    evidence: `${late} of ${compared} messages that both delivered were late one by one, half of them by ${milliseconds(middleNs)} or more.`,
  };
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(0)} ms`;
}
