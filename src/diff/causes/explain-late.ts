/**
 * Gives late messages a cause by the way they came. Messages that came due while new delivered nothing to a client, and
 * then came together, were held up by one thing; what else is late has a cause only where most of all messages are.
 * What held them up is not known: only whether other clients were served meanwhile.
 */
import type { Finding } from '../findings.ts';
import type { Item } from '../records.ts';
import type { Cause } from './explain.ts';

/** One or two late messages may be late by themselves. */
const HELD_UP_MIN = 3;
/** Of the time that the first of them waited, so much passed without any delivery to its client. */
const SILENT_SHARE_MIN = 0.5;
/** Of all messages that were compared. */
const SLOWER_SHARE_MIN = 0.5;

export interface LateFacts {
  /** How many messages were compared in time, late or not. */
  readonly compared: number;
  /** All connections. */
  readonly connections: readonly {
    readonly id: number;
    readonly old: readonly Item[];
    readonly new: readonly Item[];
  }[];
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

/** `findings`: of any kind; only late ones get a cause here. */
export function explainLate(
  findings: readonly Finding[],
  facts: LateFacts,
): (finding: Finding) => Cause | undefined {
  const late = findings.filter(isLate);
  const causes = new Map<Finding, Cause>();
  const pauses = facts.connections.flatMap((connection) => [
    ...pausesOf(
      connection,
      late.filter((finding) => finding.connection === connection.id),
    ),
  ]);
  if (pauses.length > 0) {
    const cause = heldUp(pauses, facts);
    for (const finding of pauses.flatMap(({ held }) => held)) causes.set(finding, cause);
  }
  const rest = late.filter((finding) => !causes.has(finding));
  if (rest.length >= HELD_UP_MIN && rest.length >= SLOWER_SHARE_MIN * facts.compared) {
    const cause = slower(rest, facts);
    for (const finding of rest) causes.set(finding, cause);
  }
  return (finding) => causes.get(finding);
}

function isLate(finding: Finding): finding is LateFinding {
  return finding.kind === 'late' && finding.old !== undefined && finding.new !== undefined;
}

/** Each begins with a late message, and holds what was due before that came: all of it waited for the same end. */
function* pausesOf(
  { id, new: delivered }: LateFacts['connections'][number],
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
    const fromNs = Math.max(dueNs, delivered[first.new.index - 1]?.arrivalNs ?? dueNs);
    const isSilent = toNs - fromNs >= SILENT_SHARE_MIN * (toNs - dueNs);
    if (held.length >= HELD_UP_MIN && isSilent) yield { connection: id, fromNs, toNs, held };
  }
}

function heldUp(pauses: readonly Pause[], { connections }: LateFacts): Cause {
  const fates = pauses.map((pause) => meanwhileOf(pause, connections));
  const longestNs = Math.max(...pauses.map(({ fromNs, toNs }) => toNs - fromNs));
  const messages = pauses.reduce((sum, { held }) => sum + held.length, 0);
  const served = fates.filter((fate) => fate === 'served').length;
  const owed = fates.filter((fate) => fate === 'owed').length;
  const many = pauses.length > 1;
  const evidence =
    `${messages} messages came due in ${pauses.length} ${many ? 'pauses' : 'pause'} of ${many ? 'up to ' : ''}${milliseconds(longestNs)} in which ` +
    `new delivered nothing to their client, and came together behind ${many ? 'them' : 'it'}. ${meanwhileWords({ served, owed, of: pauses.length })}`;
  return {
    name: 'held-up',
    because: 'held up together',
    explanation: heldUpExplanation({ served, owed, of: pauses.length }),
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
  connections: LateFacts['connections'],
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

function slower(late: readonly LateFinding[], { compared }: LateFacts): Cause {
  const behind = late
    .map(({ old, new: neu }) => neu.arrivalNs - old.arrivalNs)
    .sort((left, right) => left - right);
  const middleNs = behind[Math.floor(behind.length / 2)] ?? 0;
  return {
    name: 'slower-throughout',
    because: 'most messages are',
    explanation: 'consistent with a relay that takes longer for each message',
    evidence: `${late.length} of ${compared} messages that both delivered were late one by one, half of them by ${milliseconds(middleNs)} or more.`,
  };
}

function milliseconds(ns: number): string {
  return `${(ns / 1e6).toFixed(0)} ms`;
}
