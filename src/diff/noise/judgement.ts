/** What every noise type says of one field: which observations do not fit, and whether all of them together do. */
import type { Observation } from './traffic.ts';

/** With fewer pairs nothing is learned of a field. */
export const NOISE_PAIRS_MIN = 20;

/** One value that does not fit the model. */
export interface Alarm {
  readonly observation: Observation;
  /** What it did, and what the model expected. */
  readonly detail: string;
}

export interface FieldJudgement {
  /** Observations that were judged, by message type. */
  readonly judged: ReadonlyMap<string, number>;
  readonly alarms: readonly Alarm[];
  /** What is wrong with the field as a whole. */
  readonly trend: string | undefined;
}

export const NOTHING_JUDGED: FieldJudgement = { judged: new Map(), alarms: [], trend: undefined };

export function countTypes(observations: readonly Observation[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { pair } of observations) counts.set(pair.type, (counts.get(pair.type) ?? 0) + 1);
  return counts;
}
