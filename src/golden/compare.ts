/**
 * The two comparisons of a golden: its own two sides, and its promise against what a relay answered to the same clients.
 * Both with its rules, so that what was agreed upon is agreed upon everywhere.
 */
import type { CaptureReader } from '../capture/types.ts';
import { numberingOf } from '../diff/causes/domain-knowledge.ts';
import { diffCapture, type DiffOptions } from '../diff/diff-capture.ts';
import { compileRules } from '../diff/rules/compile-rules.ts';
import { namesOfDialects } from '../diff/rules/protocol-names.ts';
import type { RulesTexts } from '../diff/rules/read-rules.ts';
import type { RuleSet } from '../diff/rules/rule.ts';
import { JoinedCapture } from '../diff/two-captures/joined-capture.ts';
import type { DiffResult } from '../diff/types.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';

export interface CompareContext {
  /** Of the golden; a replay with rewritten headers may have another dialect of it. */
  readonly protocol: Protocol;
  readonly rules: RulesTexts;
  /** `2026-07-31`, UTC: rules that have expired swallow nothing. */
  readonly today: string;
}

/** Old against new in one capture. Throws RULES_INVALID or DIALECT_UNKNOWN. */
export function compareSides(capture: CaptureReader, context: CompareContext): DiffResult {
  const dialect = context.protocol.dialect(capture.info.dialect);
  return diffCapture(capture, diffOptions({ old: dialect, new: dialect }, context));
}

/**
 * What the old relay of the golden delivered, against what the relay of the replay delivered. A promise of silence is
 * kept by silence. Throws RULES_INVALID or DIALECT_UNKNOWN.
 */
export function comparePromise(
  golden: CaptureReader,
  replay: CaptureReader,
  context: CompareContext,
): DiffResult {
  const { protocol } = context;
  const dialects = {
    old: protocol.dialect(golden.info.dialect),
    new: protocol.dialect(replay.info.dialect),
  };
  const layouts = { old: dialects.old.header, new: dialects.new.header };
  const joined = new JoinedCapture(golden, replay, { layouts, newSide: 'old' });
  return diffCapture(joined, {
    ...diffOptions(dialects, context),
    labels: joined.labels,
    isSilenceExpected: isSilent(golden),
  });
}

/** The relays of signals and of execution that are to be replaced never say a word. */
export function isSilent(capture: CaptureReader): boolean {
  return capture.streams().every(({ kind, bytes }) => kind !== 'old' || bytes === 0);
}

/** What a rules file says is checked here, whether or not anything is compared. Throws RULES_INVALID. */
export function rulesOf(
  dialects: { readonly old: Dialect; readonly new: Dialect },
  { protocol, rules, today }: CompareContext,
): RuleSet {
  const names = namesOfDialects(protocol.dialectNames.map((name) => protocol.dialect(name)));
  return compileRules(rules, { names, dialects, today });
}

function diffOptions(
  dialects: { readonly old: Dialect; readonly new: Dialect },
  context: CompareContext,
): DiffOptions {
  const { protocol, rules } = context;
  return {
    oldDialect: dialects.old,
    newDialect: dialects.new,
    numberings: protocol.dialectNames.map((name) => numberingOf(protocol.dialect(name))),
    rules: rules.length === 0 ? undefined : rulesOf(dialects, context),
  };
}
