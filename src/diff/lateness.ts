/**
 * How long each relay took for its messages, and which messages new delivered too long after old. Compared are
 * messages that both delivered and that were sent once; where times of old and new have no common clock nothing is
 * said. A message that changed its place is no late one: that it came later is what was said of it.
 * Of messages that agreed and are no items it is known how far new was behind, not when they were sent.
 */
import { TAP_ORIGIN } from '../capture/blind-spots.ts';
import type { ClientFacts } from './client-facts.ts';
import { findLate } from './findings/find-paired.ts';
import type { Finding } from './findings/finding.ts';
import type { ConnectionJudgement } from './judge-connection.ts';
import { type LatencyDistribution, LatencyHistogram } from './latency-histogram.ts';
import type { Item } from './records.ts';
import type { LatencyResult } from './types.ts';

/** Old and new were not recorded at the same time, or by clocks that were never compared. */
const NO_COMMON_CLOCK: ReadonlySet<string> = new Set(['transcript']);

interface Histograms {
  readonly old: LatencyHistogram;
  readonly new: LatencyHistogram;
  /** New after old. */
  readonly behind: LatencyHistogram;
}

export class Lateness {
  readonly #origin: string;
  readonly #lateAfterNs: number | undefined;
  readonly #isScanned: boolean;
  readonly #histograms: Histograms;

  /** `behind`: of what agreed and is not kept; undefined: everything is. */
  constructor(
    behind: LatencyHistogram | undefined,
    origin: string,
    lateAfterMs: number | undefined,
  ) {
    this.#origin = origin;
    this.#isScanned = behind !== undefined;
    this.#histograms = {
      old: new LatencyHistogram(),
      new: new LatencyHistogram(),
      behind: behind?.copy() ?? new LatencyHistogram(),
    };
    this.#lateAfterNs = lateAfterMs === undefined ? undefined : lateAfterMs * 1e6;
  }

  /** Why lateness was asked for and not judged; undefined: it was judged, or not asked for. */
  get doubt(): string | undefined {
    if (this.#lateAfterNs === undefined || this.#hasClock) return undefined;
    return 'whether messages were late could not be judged: old and new have no clock in common';
  }

  get #hasClock(): boolean {
    return !NO_COMMON_CLOCK.has(this.#origin);
  }

  /** Notes the times of one connection; the late ones of its messages. */
  *find(
    connection: number,
    judgement: ConnectionJudgement,
    facts: ClientFacts,
  ): Generator<Finding> {
    if (!this.#hasClock) return;
    const unsure = unsureContents(judgement);
    for (const pair of comparable(judgement)) {
      const isCounted = pair.old.isCounted === true;
      if (isCounted && this.#lateAfterNs === undefined) continue;
      if (unsure.has(pair.old.content.id) || unsure.has(pair.new.content.id)) continue;
      // Whose copy is whose nobody knows, nor in which order they were due.
      if (facts.sendersOf(pair.old.content).size > 1) continue;
      const behindNs = this.#note(pair.old, pair.new, facts, isCounted);
      if (this.#lateAfterNs === undefined || behindNs <= this.#lateAfterNs) continue;
      yield findLate(connection, pair, { behindNs, lateAfterNs: this.#lateAfterNs });
    }
  }

  /** How long after old new delivered it. A tap feeds new what it heard from old, and waits from then on. */
  #note(old: Item, neu: Item, facts: ClientFacts, isCounted: boolean): number {
    const sendings = facts.sendingsOf(old.content);
    const sentNs = sendings.length === 1 ? sendings[0]?.timeNs : undefined;
    const isTapped = this.#origin === TAP_ORIGIN;
    const sinceNs = isTapped ? (sentNs ?? old.arrivalNs) : old.arrivalNs;
    const behindNs = neu.arrivalNs - sinceNs;
    if (isCounted) return behindNs;
    this.#histograms.behind.add(behindNs);
    if (sentNs !== undefined && !this.#isScanned) {
      this.#histograms.new.add(neu.arrivalNs - sentNs);
      if (!isTapped) this.#histograms.old.add(old.arrivalNs - sentNs);
    }
    return behindNs;
  }

  /** How many messages were compared until now. */
  get compared(): number {
    return this.#histograms.behind.count;
  }

  /** undefined: there is nothing to say. */
  result(): LatencyResult | undefined {
    if (!this.#hasClock) return undefined;
    const of = (which: keyof Histograms): LatencyDistribution | null =>
      this.#histograms[which].result() ?? null;
    const behind = of('behind');
    if (behind === null) return undefined;
    return {
      lateAfterNs: this.#lateAfterNs === undefined ? null : String(this.#lateAfterNs),
      old: of('old'),
      new: of('new'),
      behind,
    };
  }
}

interface ItemsOfPair {
  readonly old: Item;
  readonly new: Item;
}

function* comparable({ pairs, changed }: ConnectionJudgement): Generator<ItemsOfPair> {
  for (const pair of pairs) {
    if (pair.old.content.isFrame && pair.pairing.kind !== 'moved') yield pair;
  }
  for (const pair of changed) if (!pair.isMoved) yield pair;
}

/** Of equal messages of which one side has more, or one has moved or changed, nobody can say which belong together. */
function unsureContents({
  pairs,
  changed,
  unpaired,
  setAside,
}: ConnectionJudgement): ReadonlySet<number> {
  const unsure = new Set<number>();
  // How many there are of what was changed.
  const counts = new Map<number, number>();
  const count = (id: number): void => {
    const known = counts.get(id);
    if (known !== undefined) counts.set(id, known + 1);
  };
  for (const { old, new: neu } of changed) counts.set(old.content.id, 0).set(neu.content.id, 0);
  for (const some of changed.length === 0 ? [] : [pairs, changed]) {
    for (const { old, new: neu } of some) {
      count(old.content.id);
      if (neu.content.id !== old.content.id) count(neu.content.id);
    }
  }
  for (const { old, new: neu } of changed) {
    for (const { content } of [old, neu]) {
      if ((counts.get(content.id) ?? 0) > 1) unsure.add(content.id);
    }
  }
  for (const { item } of unpaired) unsure.add(item.content.id);
  for (const { unpaired: one } of setAside) unsure.add(one.item.content.id);
  for (const pair of pairs) if (pair.pairing.kind === 'moved') unsure.add(pair.old.content.id);
  return unsure;
}
