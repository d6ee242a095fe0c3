/** Faults of whole connections: a side closes one early, refuses one, or forwards nothing to anybody. */
import type { Random } from '../fuzz/random.ts';
import type { Leg, SideName, Traffic } from './traffic.ts';

export type ConnectionFault = 'early-close' | 'refused' | 'silent-side';
export const CONNECTION_FAULTS: readonly ConnectionFault[] = [
  'early-close',
  'refused',
  'silent-side',
];

/** What a side did to a connection; its deliveries are cut accordingly. */
export interface ConnectionTrouble {
  readonly connection: number;
  readonly side: SideName;
  readonly event: 'closed early' | 'refused' | 'never answered';
  readonly timeNs: number;
}

/** undefined: the traffic has no place for it. */
export function injectConnectionFault(
  kind: ConnectionFault,
  random: Random,
  { legs, connections }: Traffic,
): readonly ConnectionTrouble[] | undefined {
  const used = legs.filter((leg) => leg.deliveries.length > 1);
  if (used.length === 0) return undefined;
  const leg = random.pick(used);
  const { connection, side } = leg;
  const plan = connections.find(({ id }) => id === connection);
  switch (kind) {
    case 'early-close': {
      const kept = 1 + random.below(leg.deliveries.length - 1);
      const timeNs =
        Math.max(...leg.deliveries.slice(0, kept).map(({ readyNs }) => readyNs)) + SETTLE_NS;
      const isCut = (at: number): boolean =>
        at >= kept || (leg.deliveries[at]?.readyNs ?? 0) > timeNs;
      leg.deliveries = leg.deliveries.filter((_, at) => !isCut(at));
      return [{ connection, side, event: 'closed early', timeNs }];
    }
    case 'refused': {
      const timeNs = plan?.joinNs ?? 0;
      // A relay that others reach later was away, which is another matter.
      if (connections.some(({ joinNs }) => joinNs > timeNs)) return undefined;
      leg.deliveries = [];
      return [{ connection, side, event: 'refused', timeNs }];
    }
    case 'silent-side': {
      const heard = legs.filter((each) => each.side === side && each.deliveries.length > 0);
      for (const each of heard) each.deliveries = [];
      return heard.map((each: Leg) => ({
        connection: each.connection,
        side,
        event: 'never answered' as const,
        timeNs: 0,
      }));
    }
  }
}

/** After the last thing that it delivers. */
const SETTLE_NS = 5_000_000;
