/** What every noise type says of one field: which observations do not fit, and whether all of them together do. */
import type { Head } from '../records.ts';
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

/**
 * Judges one field, one observation after the other, in two readings: the first notes what all of them are like, the
 * second says which do not fit. What it keeps does not grow with the traffic.
 */
export interface FieldJudge {
  /** In which order observations must come: of arrival from old, or of the stream of new, connection by connection. */
  readonly order: 'old' | 'new';
  note(observation: Observation): void;
  /** All are noted. Then, and before each further reading, come all again. */
  begin(): void;
  /** Why it does not fit; undefined: it does. */
  alarmOf(observation: Observation): string | undefined;
  /** Of those that were noted, how many were judged, by message type. */
  readonly judged: ReadonlyMap<string, number>;
  /** Whether some do not fit; when all are noted. */
  readonly hasAlarms: boolean;
  /** What is wrong with the field as a whole; when all are noted. */
  readonly trend: string | undefined;
  /** A message that may explain a step: only one side has it, or it lost its place. Before what is around it. */
  excuse?(lone: Excuse): void;
}

/** A message of a type, where it is on either side, and between which messages of new it may have been lost. */
export interface Excuse {
  readonly connection: number;
  readonly type: string;
  readonly head: Pick<Head, 'domain' | 'source'> | undefined;
  readonly old: number | undefined;
  readonly new: number | undefined;
  readonly slot: { readonly after: number; readonly before: number } | undefined;
}

/** Everything at once. */
export function judgeSeries(
  judge: FieldJudge,
  observations: readonly Observation[],
  excuses: readonly Excuse[] = [],
): FieldJudgement {
  const inOrder = [...observations].sort(ORDERS[judge.order]);
  const again = (): void => {
    judge.begin();
    for (const excuse of excuses) judge.excuse?.(excuse);
  };
  for (const excuse of excuses) judge.excuse?.(excuse);
  for (const observation of inOrder) judge.note(observation);
  again();
  const alarms: Alarm[] = [];
  for (const observation of inOrder) {
    const detail = judge.alarmOf(observation);
    if (detail !== undefined) alarms.push({ observation, detail });
  }
  return { judged: judge.judged, alarms, trend: judge.trend };
}

type Order = (left: Observation, right: Observation) => number;

const ORDERS: Readonly<Record<FieldJudge['order'], Order>> = {
  old: (left, right) => left.pair.old.arrivalNs - right.pair.old.arrivalNs,
  new: (left, right) =>
    left.pair.connection - right.pair.connection || left.pair.new.index - right.pair.new.index,
};

export function countType(counts: Map<string, number>, type: string): void {
  counts.set(type, (counts.get(type) ?? 0) + 1);
}
