/** What a capture promises and shows, as expected.json says it: for making goldens, changing and verifying them. */
import type { CaptureReader } from '../capture/types.ts';
import { type CompareContext, compareSides } from './compare.ts';
import type { Expected, GoldenDomain, GoldenReplay } from './expected.ts';
import { GOLDEN_FORMAT } from './expected.ts';
import { promiseOf } from './promise.ts';
import { showsOfResult } from './shows.ts';

export interface GoldenWords {
  readonly title: string;
  readonly domain: GoldenDomain;
  readonly replays: readonly GoldenReplay[];
}

/** Throws RULES_INVALID or DIALECT_UNKNOWN. */
export function measure(
  capture: CaptureReader,
  { title, domain, replays }: GoldenWords,
  context: CompareContext,
): Expected {
  const dialect = context.protocol.dialect(capture.info.dialect);
  return {
    format: GOLDEN_FORMAT,
    title,
    dialect: dialect.name,
    domain,
    replays: [...replays],
    promise: promiseOf(capture, dialect.header),
    shows: hasNewSide(capture) ? showsOfResult(compareSides(capture, context)) : null,
  };
}

/** A relay that was there and said nothing is a side, too. */
export function hasNewSide(capture: CaptureReader): boolean {
  if (capture.streams().some(({ kind, bytes }) => kind === 'new' && bytes > 0)) return true;
  for (const { stream } of capture.events()) if (stream === 'new') return true;
  return false;
}
