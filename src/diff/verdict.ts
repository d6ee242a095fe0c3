/** The one word and the one sentence that a comparison ends with, and its exit code. */
import { EXIT } from '../lib/operating-error.ts';
import { assertNever } from '../lib/assert.ts';
import { DIVERGENCE_KINDS, type ResultCounts, type Verdict } from './types.ts';

export interface VerdictFacts {
  readonly counts: ResultCounts;
  readonly sealed: boolean;
  /** Gaps of the capture, whatever they hold. */
  readonly gapCount: number;
  /** Bytes of all streams. */
  readonly bytesRecorded: number;
  readonly orderNotJudged: number;
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
  const agree =
    facts.counts.pairs === 0
      ? 'neither side delivered a message'
      : `old and new delivered the same ${messages(facts.counts.pairs)}`;
  return { verdict: 'same', reason: sentence([agree, ...notes]) };
}

/** What forbids the verdict `same`. */
function doubtsOf({ counts, sealed, gapCount, bytesRecorded }: VerdictFacts): readonly string[] {
  const doubts: string[] = [];
  if (gapCount > 0) {
    doubts.push(`${counts.gaps.bytes} bytes are in gaps (${gapCount} of them)`);
  }
  if (!sealed) doubts.push('the recording was not sealed, so its end is missing');
  if (counts.gaps.frames > 0) doubts.push(`${messages(counts.gaps.frames)} could not be judged`);
  if (bytesRecorded === 0) doubts.push('the capture holds no traffic');
  return doubts;
}

function notesOf({ counts, orderNotJudged }: VerdictFacts): readonly string[] {
  const notes: string[] = [];
  if (counts.ignored > 0) {
    notes.push(
      `${messages(counts.ignored)} passed while a client joined or left and were left out`,
    );
  }
  if (orderNotJudged > 0) {
    notes.push(`the order of ${messages(orderNotJudged)} would cost too much to compare`);
  }
  return notes;
}

function messages(count: number): string {
  return `${count} message${count === 1 ? '' : 's'}`;
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
