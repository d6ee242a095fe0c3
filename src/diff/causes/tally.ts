/** Counts of what one relay lost and forwarded, in a situation. */
import type { Side } from '../../capture/types.ts';
import type { SendingClass } from './sending-classes.ts';

export interface Tally {
  lost: number;
  /** Forwarded all the same: the counter-examples. */
  kept: number;
}

export function addTo(tally: Tally, { kept, lost }: SendingClass, side: Side): void {
  tally.kept += kept[side];
  tally.lost += lost[side];
}

export function tallyOf(tallies: Map<number, Tally>, key: number): Tally {
  let tally = tallies.get(key);
  if (tally === undefined) tallies.set(key, (tally = { lost: 0, kept: 0 }));
  return tally;
}

export function total({ lost, kept }: Tally): number {
  return lost + kept;
}

export function rate(tally: Tally): number {
  return total(tally) === 0 ? 0 : tally.lost / total(tally);
}
