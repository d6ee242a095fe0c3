/**
 * Looks for the shortest traffic that still shows a divergence: first a window around where it was found, wider and wider
 * until it shows it; then clients, messages, departures and borders of writes are left out, as long as it is still shown,
 * until nothing can be left out alone. Knows relays only by the question whether a candidate shows it.
 */
import type { Divergence } from '../diff/types.ts';
import { type Candidate, candidateKey, planSteps, type Timing } from './candidate.ts';
import { findSame, type Fingerprint } from './fingerprint.ts';
import { reduce } from './reduce.ts';
import { contentKey, type Traffic } from './traffic.ts';
import type { Trial } from './trials.ts';

export interface MinimizeOptions {
  readonly traffic: Traffic;
  readonly wanted: Fingerprint;
  readonly divergence: Divergence;
  /** `keeps`: what the trial names must outlive the next one. */
  readonly run: (candidate: Candidate, timing: Timing, keeps: boolean) => Promise<Trial>;
  /** Whether there is no time left, or somebody wants it to end. */
  readonly isOver: () => boolean;
  readonly onProgress: (words: string, size: CandidateSize) => void;
}

export interface CandidateSize {
  readonly clients: number;
  readonly writes: number;
  readonly messages: number;
}

export interface Minimized {
  readonly candidate: Candidate;
  readonly timing: Timing;
  readonly trial: Trial;
  readonly divergence: Divergence;
  /** Nothing can be left out alone. */
  readonly isMinimal: boolean;
  /** How often the result showed it when it was tried again. */
  readonly shown: number;
  readonly tried: number;
}

const CONFIRMED_TRIES = 3;
/** A candidate of a flaky divergence that does not show it is tried so often. */
const FLAKY_TRIES = 3;

export class Minimizer {
  /** Candidates that showed it in some tries and not in others. */
  flaky = 0;
  readonly #options: MinimizeOptions;
  readonly #known = new Map<string, boolean>();
  /** Ids of the units that are the message in question; none when no client sent just that. */
  readonly #messages: ReadonlySet<number>;
  #timing: Timing = 'tight';

  constructor(options: MinimizeOptions) {
    this.#options = options;
    const { traffic, wanted } = options;
    const place = wanted.old ?? wanted.new;
    const key = place === null ? undefined : contentKey(Buffer.from(place, 'hex'));
    const same = traffic.units.filter(({ bytes }) => contentKey(bytes) === key);
    this.#messages = new Set(same.map(({ id }) => id));
  }

  /** undefined: nothing of the traffic shows it, not even all of it. */
  async minimize(): Promise<Minimized | undefined> {
    let best = await this.#findWindow();
    if (best === undefined) return undefined;
    for (;;) {
      const before = candidateKey(best);
      best = await this.#reduceClients(best);
      best = await this.#reduceMessages(best);
      best = await this.#reduceDepartures(best);
      best = await this.#joinWrites(best);
      // What could not be left out before may be left out now.
      if (candidateKey(best) === before || this.#options.isOver()) break;
    }
    return this.#confirm(best, !this.#options.isOver());
  }

  /** Whether it is shown; in doubt, more than once. */
  async #shows(candidate: Candidate, what: string): Promise<boolean> {
    const key = candidateKey(candidate);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    if (this.#options.isOver() || !this.#canShow(candidate)) return false;
    this.#options.onProgress(what, sizeOf(this.#options.traffic, candidate));
    const shows = await this.#judge(candidate);
    if (!this.#options.isOver()) this.#known.set(key, shows);
    return shows;
  }

  /** A relay delivers what it is sent: without the message nothing can happen to it. */
  #canShow({ units }: Candidate): boolean {
    const { size } = this.#messages;
    return size === 0 ? units.size > 0 : [...units].some((id) => this.#messages.has(id));
  }

  async #judge(candidate: Candidate): Promise<boolean> {
    const tries = this.flaky > 0 ? FLAKY_TRIES : 1;
    for (let attempt = 0; attempt < tries; attempt++) {
      if (!(await this.#showsOnce(candidate))) continue;
      // What is built upon must hold: what was shown by accident is not shown twice.
      if (await this.#showsOnce(candidate)) return true;
      if (this.#options.isOver()) return false;
      this.flaky += 1;
      return this.#showsOnce(candidate);
    }
    return false;
  }

  async #showsOnce(candidate: Candidate): Promise<boolean> {
    if (this.#options.isOver()) return false;
    const { result } = await this.#options.run(candidate, this.#timing, false);
    return findSame(result, this.#options.wanted) !== undefined;
  }

  async #findWindow(): Promise<Candidate | undefined> {
    const { traffic, divergence } = this.#options;
    const center = findCenter(traffic, divergence);
    for (const timing of ['tight', 'recorded'] as const) {
      this.#timing = timing;
      this.#known.clear();
      for (let reach = 0; ; reach = Math.max(1, 2 * reach)) {
        const candidate = windowOf(traffic, divergence.connection, center, reach);
        if (await this.#shows(candidate, 'looking around')) return candidate;
        if (this.#options.isOver()) return undefined;
        if (center - reach <= 0 && center + reach >= traffic.writes.length - 1) break;
      }
    }
    return undefined;
  }

  async #reduceClients(best: Candidate): Promise<Candidate> {
    const without = (clients: readonly number[]): Candidate =>
      withClients(best, new Set(clients), this.#options.traffic);
    const clients = await reduce([...best.clients], (part) =>
      this.#shows(without(part), 'leaving out clients'),
    );
    return without(clients);
  }

  async #reduceMessages(best: Candidate): Promise<Candidate> {
    const inOrder = this.#options.traffic.units
      .filter(({ id }) => best.units.has(id))
      .sort((left, right) => left.lastWrite - right.lastWrite || left.offset - right.offset)
      .map(({ id }) => id);
    const units = await reduce(inOrder, (part) =>
      this.#shows({ ...best, units: new Set(part) }, 'leaving out messages'),
    );
    return { ...best, units: new Set(units) };
  }

  async #reduceDepartures(best: Candidate): Promise<Candidate> {
    const leaving = await reduce([...best.leaving], (part) =>
      this.#shows({ ...best, leaving: new Set(part) }, 'letting clients stay'),
    );
    return { ...best, leaving: new Set(leaving) };
  }

  async #joinWrites(best: Candidate): Promise<Candidate> {
    const { traffic } = this.#options;
    const begun = new Set<number>();
    const borders = planSteps(traffic, best).flatMap((step) => {
      if (step.kind !== 'write') return [];
      const isFirst = !begun.has(step.client.id);
      begun.add(step.client.id);
      return isFirst ? [] : step.writes.slice(0, 1);
    });
    const joined = (left: readonly number[]): Candidate => {
      const kept = new Set(left);
      return {
        ...best,
        joined: new Set([...best.joined, ...borders.filter((id) => !kept.has(id))]),
      };
    };
    const left = await reduce(borders, (part) => this.#shows(joined(part), 'joining writes'));
    return joined(left);
  }

  async #confirm(candidate: Candidate, isMinimal: boolean): Promise<Minimized | undefined> {
    const { run, wanted } = this.#options;
    let shown = 0;
    let found: { readonly trial: Trial; readonly divergence: Divergence } | undefined;
    for (let attempt = 0; attempt < CONFIRMED_TRIES; attempt++) {
      const trial = await run(candidate, this.#timing, found === undefined);
      const divergence = findSame(trial.result, wanted);
      if (divergence === undefined) continue;
      shown += 1;
      found ??= { trial, divergence };
    }
    return (
      found && {
        candidate,
        timing: this.#timing,
        ...found,
        isMinimal,
        shown,
        tried: CONFIRMED_TRIES,
      }
    );
  }
}

export function sizeOf(traffic: Traffic, candidate: Candidate): CandidateSize {
  const writes = planSteps(traffic, candidate).filter(({ kind }) => kind === 'write').length;
  return { clients: candidate.clients.size, writes, messages: candidate.units.size };
}

export function everything(traffic: Traffic): Candidate {
  return {
    clients: new Set(traffic.clients.map(({ id }) => id)),
    units: new Set(traffic.units.map(({ id }) => id)),
    leaving: new Set(
      traffic.clients.flatMap(({ id, leaving }) => (leaving.length > 0 ? [id] : [])),
    ),
    joined: new Set(),
  };
}

/** The write with the message, as near before its delivery as may be; the last one before that without one. */
function findCenter(traffic: Traffic, { old, new: neu }: Divergence): number {
  const place = old ?? neu;
  if (place === null) return 0;
  const key = contentKey(Buffer.from(place.hex, 'hex'));
  const untilNs = BigInt(place.arrivalNs);
  let center: number | undefined;
  for (const { bytes, lastWrite } of traffic.units) {
    if (contentKey(bytes) !== key) continue;
    const timeNs = traffic.writes[lastWrite]?.timeNs ?? 0n;
    if (center === undefined || (timeNs <= untilNs && lastWrite > center)) center = lastWrite;
  }
  if (center !== undefined) return center;
  const after = traffic.writes.findIndex(({ timeNs }) => timeNs > untilNs);
  return Math.max(0, (after < 0 ? traffic.writes.length : after) - 1);
}

/** The messages with bytes in so many writes before and behind, who sent them, and who was to get the one in question. */
function windowOf(traffic: Traffic, connection: number, center: number, reach: number): Candidate {
  const writes = traffic.writes.slice(Math.max(0, center - reach), center + reach + 1);
  const ranges = new Map<number, { from: number; to: number }>();
  for (const write of writes) {
    const range = ranges.get(write.connection) ?? { from: write.offset, to: write.offset };
    ranges.set(write.connection, { ...range, to: write.offset + write.length });
  }
  const clients = new Set([connection, ...ranges.keys()]);
  const units = traffic.units.filter(({ connection: sender, offset, bytes }) => {
    const range = ranges.get(sender);
    return range !== undefined && range.from < offset + bytes.length && offset < range.to;
  });
  const all = everything(traffic);
  return {
    ...all,
    clients,
    units: new Set(units.map(({ id }) => id)),
    leaving: new Set([...all.leaving].filter((id) => clients.has(id))),
  };
}

function withClients(
  candidate: Candidate,
  clients: ReadonlySet<number>,
  { units }: Traffic,
): Candidate {
  return {
    ...candidate,
    clients,
    units: new Set([...candidate.units].filter((id) => clients.has(units[id]?.connection ?? -1))),
    leaving: new Set([...candidate.leaving].filter((id) => clients.has(id))),
  };
}
