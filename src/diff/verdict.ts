/** The one word and the one sentence that a comparison ends with, and its exit code. */
import { EXIT } from '../lib/operating-error.ts';
import { assertNever } from '../lib/assert.ts';
import { isUnjudged } from './count-result.ts';
import { countSwallowed } from './rules/rule-tally.ts';
import { DIVERGENCE_KINDS, type ResultCounts, type RuleOutcome, type Verdict } from './types.ts';

export interface VerdictFacts {
  readonly counts: ResultCounts;
  readonly sealed: boolean;
  /** Gaps of the capture, whatever they hold, but for what was kept from the mirror on purpose. */
  readonly gapCount: number;
  readonly connectionCount: number;
  /** The part of the traffic that the mirror was to see, as it was asked for. */
  readonly mirrorOption: string | undefined;
  /** Either side delivered at least one byte to anybody, or silence is what is compared. */
  readonly hasSubject: boolean;
  readonly orderNotJudged: number;
  /** Why lateness was asked for and not judged. */
  readonly lateDoubt?: string | undefined;
  /** What nobody can tell of single connections. */
  readonly connectionDoubts: readonly string[];
  /** What each rule did; empty without rules. */
  readonly rules: readonly Pick<RuleOutcome, 'state'>[];
}

export interface Judgement {
  readonly verdict: Verdict;
  readonly reason: string;
}

export function judge(facts: VerdictFacts): Judgement {
  const doubts = doubtsOf(facts);
  const notes = notesOf(facts);
  const kinds = DIVERGENCE_KINDS.filter((kind) => facts.counts.divergences[kind] > 0);
  if (kinds.length > 0) {
    const listed = kinds.map((kind) => `${facts.counts.divergences[kind]} ${kind}`).join(', ');
    return {
      verdict: 'different',
      reason: sentence([`old and new differ: ${listed}`, ...doubts, ...notes]),
    };
  }
  if (doubts.length > 0) {
    const agree = `what could be compared agrees (${messages(facts.counts.pairs)})`;
    return { verdict: 'inconclusive', reason: sentence([agree, ...doubts, ...notes]) };
  }
  const { counts } = facts;
  const { pairs, equivalent, noisy } = counts;
  const how = noisy === undefined ? 'written in another dialect' : 'with noise in them';
  const written = equivalent === 0 ? '' : `, ${equivalent} of them ${how}`;
  const part = counts.leftOut === undefined ? '' : ' of what was mirrored';
  const but = swallowedOf(counts) === 0 ? '' : 'but for what rules swallow, ';
  const agree = `${but}old and new delivered the same ${messages(pairs)}${part}${written}`;
  return { verdict: 'same', reason: sentence([agree, ...notes]) };
}

const CONNECTION_DOUBTS_TOLD_MAX = 2;

/** What forbids the verdict `same`. */
function doubtsOf(facts: VerdictFacts): readonly string[] {
  const { counts, sealed, gapCount, hasSubject, orderNotJudged, connectionDoubts } = facts;
  const doubts: string[] = [];
  if (gapCount > 0) {
    doubts.push(`${counts.gaps.bytes} bytes are in gaps (${gapCount} of them)`);
  }
  if (!sealed) doubts.push('the recording was not sealed, so its end is missing');
  doubts.push(...unjudgedWords(counts));
  if (orderNotJudged > 0) {
    doubts.push(`whether ${messages(orderNotJudged)} kept their order could not be judged`);
  }
  if (facts.lateDoubt !== undefined) doubts.push(facts.lateDoubt);
  if (!hasSubject) doubts.push(`${nobodyWords(facts)}, so nothing was compared`);
  doubts.push(...connectionDoubts.slice(0, CONNECTION_DOUBTS_TOLD_MAX));
  const untold = connectionDoubts.length - CONNECTION_DOUBTS_TOLD_MAX;
  if (untold > 0) doubts.push(`and ${untold} more connections that could not be judged`);
  return doubts;
}

function unjudgedWords(counts: ResultCounts): readonly string[] {
  const unjudged = (counts.setAside ?? []).filter(({ reason }) => isUnjudged(reason));
  const others = unjudged.reduce((sum, count) => sum + count.others, 0);
  const atEdge = unjudged
    .filter(({ reason }) => reason === 'edge-unknown')
    .reduce((sum, count) => sum + count.frames, 0);
  const words: string[] = [];
  if (counts.gaps.frames > 0) {
    const edge =
      atEdge === 0 ? '' : `, ${atEdge} of them under way while their client joined or left`;
    words.push(`${messages(counts.gaps.frames)} could not be judged${edge}`);
  }
  if (others > 0) {
    words.push(`${others} ${others === 1 ? 'piece' : 'pieces'} of no frame could not be judged`);
  }
  return words;
}

function nobodyWords({ counts, connectionCount }: VerdictFacts): string {
  return connectionCount > 0 && counts.leftOut?.connections === connectionCount
    ? 'no connection was mirrored'
    : 'neither side delivered anything';
}

function notesOf(facts: VerdictFacts): readonly string[] {
  return [...edgeWords(facts), ...leftOutWords(facts), ...ruleWords(facts)];
}

function edgeWords({ counts: { ignored } }: VerdictFacts): readonly string[] {
  if (ignored === 0) return [];
  return [
    `${messages(ignored)} passed before their client joined or after it left, as other connections show, and were left out`,
  ];
}

function swallowedOf({ swallowed }: ResultCounts): number {
  return swallowed === undefined ? 0 : countSwallowed(swallowed) + swallowed.trimmed;
}

/** A verdict that rests on rules says so. */
function ruleWords({ counts, rules }: VerdictFacts): readonly string[] {
  const of = (state: RuleOutcome['state']): number =>
    rules.filter((rule) => rule.state === state).length;
  const { swallowed } = counts;
  const words: string[] = [];
  if (swallowed !== undefined && swallowedOf(counts) > 0) {
    const whole = countSwallowed(swallowed);
    const parts = [
      ...(whole > 0 ? [plural(whole, 'divergence')] : []),
      ...(swallowed.trimmed > 0 ? [`a part of ${plural(swallowed.trimmed, 'other')}`] : []),
    ];
    words.push(`${plural(of('used'), 'rule')} swallowed ${parts.join(' and ')}`);
  }
  const expired = of('expired');
  if (expired > 0)
    words.push(
      `${plural(expired, 'rule')} ${expired === 1 ? 'has' : 'have'} expired and swallowed nothing`,
    );
  return words;
}

/** What was not shown to the new relay on purpose is no doubt, but it must be said with every verdict. */
function leftOutWords({ counts, connectionCount, mirrorOption }: VerdictFacts): readonly string[] {
  const { leftOut } = counts;
  if (leftOut === undefined) return [];
  const unseenFrames = leftOut.unseenSenders ?? 0;
  const unseen =
    unseenFrames === 0
      ? []
      : [
          `${messages(unseenFrames)} of old came from clients that were connected to it directly, and were left out`,
        ];
  if (leftOut.connections + leftOut.listeners === 0) return unseen;
  const option = mirrorOption === undefined ? '' : ` (--mirror ${mirrorOption})`;
  const what = [
    ...(leftOut.connections > 0
      ? [`${leftOut.connections} of ${connectionCount} connections were not mirrored`]
      : []),
    ...(leftOut.listeners > 0
      ? [`what ${leftOut.listeners} of ${connectionCount} sent was kept from new`]
      : []),
  ].join(' and ');
  return [
    `as asked for${option} ${what}: ${messages(leftOut.frames - unseenFrames)} of old were not compared`,
    ...unseen,
  ];
}

function messages(count: number): string {
  return plural(count, 'message');
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function sentence(parts: readonly string[]): string {
  const text = parts.join('; ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

export function exitCodeOf(verdict: Verdict): number {
  switch (verdict) {
    case 'same':
      return EXIT.same;
    case 'different':
      return EXIT.different;
    case 'inconclusive':
      return EXIT.inconclusive;
    default:
      return assertNever(verdict, 'verdict');
  }
}
