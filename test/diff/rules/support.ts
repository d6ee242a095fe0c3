/** Messages whose fields are known, and rules as text, for tests of the rules. */
import { compileRules } from '../../../src/diff/rules/compile-rules.ts';
import { namesOfDialects } from '../../../src/diff/rules/protocol-names.ts';
import type { RuleSet } from '../../../src/diff/rules/rule.ts';
import type { DiffResult } from '../../../src/diff/types.ts';
import { OperatingError } from '../../../src/lib/operating-error.ts';
import { type EncodableTlv, encodeMessage } from '../../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../../src/protocol/files.ts';
import type { Dialect } from '../../../src/protocol/types.ts';
import type { CaptureStep } from '../../support/capture-builder.ts';
import { delivers, dialect, diffScenario, sends } from '../support.ts';

export const TODAY = '2026-07-31';
const protocol = loadBuiltInProtocol();
export const packed: Dialect = protocol.dialect('alphapulse-v2-packed');
const names = namesOfDialects(protocol.dialectNames.map((name) => protocol.dialect(name)));

/** Of one file, `rules.yaml`. */
export function rulesOf(text: string, dialects = { old: dialect, new: dialect }): RuleSet {
  return compileRules([['rules.yaml', text]], { names, dialects, today: TODAY });
}

/** One rule that ignores what `where` selects. */
export function ignoring(where: Readonly<Record<string, unknown>>): RuleSet {
  return rulesOf(JSON.stringify({ rules: [{ id: 'i', action: 'ignore', reason: 'x', where }] }));
}

/** The lines of the error, or nothing. */
export function mistakesIn(text: string): readonly string[] {
  try {
    rulesOf(text);
    return [];
  } catch (error) {
    if (!(error instanceof OperatingError) || error.code !== 'RULES_INVALID') throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
}

export interface TradeParts {
  readonly sequence?: number;
  readonly price?: bigint;
  readonly volume?: bigint;
  readonly timeNs?: bigint;
  readonly executedNs?: bigint;
  readonly domain?: number;
  readonly source?: number;
  readonly venue?: number;
  readonly checksum?: 'valid' | 'zero';
}

const SOME_NS = 1_756_000_000_000_000_000n;

export function message(tlvs: readonly EncodableTlv[], parts: TradeParts = {}): Uint8Array {
  const header = {
    relay_domain: parts.domain ?? 1,
    version: 1,
    source: parts.source ?? 4,
    flags: 0,
    sequence: BigInt(parts.sequence ?? 1),
    timestamp: parts.timeNs ?? SOME_NS + BigInt(parts.sequence ?? 1),
  };
  return encodeMessage(dialect, { header, tlvs }, parts.checksum ?? 'zero');
}

export function trade(parts: TradeParts = {}): Uint8Array {
  return message([tradeTlv(parts)], parts);
}

export function tradeTlv(parts: TradeParts = {}): EncodableTlv {
  return {
    type: 1,
    fields: {
      asset_id: 77n,
      price: parts.price ?? 4_500_000_000_000n,
      volume: parts.volume ?? 100_000_000n,
      execution_timestamp_ns: parts.executedNs ?? SOME_NS,
      venue_id: parts.venue ?? 100,
      asset_type: 1,
      reserved: 0,
      side: 0,
    },
  };
}

export interface Level {
  readonly price: bigint;
  readonly size: bigint;
}

export function orderBook(bids: readonly Level[], parts: TradeParts = {}): Uint8Array {
  return message([{ type: 3, fields: orderBookFields(bids) }], parts);
}

export function orderBookFields(bids: readonly Level[]): EncodableTlv['fields'] {
  const levels = (those: readonly Level[]): EncodableTlv['fields'] => ({
    count: those.length,
    elements: those.map(({ price, size }) => ({ price, size, order_count: 1n, reserved: 0n })),
  });
  return {
    snapshot_timestamp_ns: SOME_NS,
    sequence: 5n,
    precision_factor: 100_000_000n,
    asset_id: 77n,
    venue_id: 100,
    asset_type: 1,
    reserved: 0,
    bids: levels(bids),
    asks: levels([]),
  };
}

/** One connection; each pair was sent, and delivered by old and by new as given. */
export function pairSteps(
  pairs: readonly (readonly [old: Uint8Array | undefined, fresh: Uint8Array | undefined])[],
): CaptureStep[] {
  return pairs.flatMap(([old, fresh]) => [
    ...sends(1, ...(old === undefined ? [] : [old])),
    ...(old === undefined ? [] : delivers('old', [1], old)),
    ...(fresh === undefined ? [] : delivers('new', [1], fresh)),
  ]);
}

export function diffPairs(pairs: Parameters<typeof pairSteps>[0], rules?: string): DiffResult {
  const steps = pairSteps(pairs);
  return diffScenario({ steps }, rules === undefined ? {} : { rules: rulesOf(rules) });
}
