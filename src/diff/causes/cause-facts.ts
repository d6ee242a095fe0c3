/** Gathers what cause rules may ask of a capture. */
import type { Deliveries } from '../deliveries.ts';
import type { Histories } from '../histories.ts';
import type { CaptureContents } from '../read-capture.ts';
import type { DomainKnowledge } from './domain-fates.ts';
import type { CauseFacts } from './rule.ts';

export interface KnownOfCapture {
  readonly histories: Histories;
  readonly deliveries: Deliveries;
  readonly domains: DomainKnowledge;
}

export function causeFacts(
  { connections, facts, rows }: CaptureContents,
  { histories, deliveries, domains }: KnownOfCapture,
): CauseFacts {
  const itemsOf = new Map(connections.map((items) => [items.id, items]));
  return {
    client: facts,
    deliveries,
    domains,
    downSince: (connection, side) => histories.of.get(connection)?.downSince(side),
    clientLeftNs: (connection) => histories.of.get(connection)?.clientLeftNs,
    joinedNs: (connection, side) => histories.of.get(connection)?.joinedNs(side),
    itemsOf: (connection, side) => itemsOf.get(connection)?.[side] ?? [],
    firstNs: (connection, side) => itemsOf.get(connection)?.[side][0]?.arrivalNs,
    othersWroteBetween: ({ connection, placement, timeNs }) =>
      facts.othersSentBetween(connection, placement.fromNs, timeNs),
    hasGap: (side) => rows.gaps.some((gap) => gap.stream === side),
  };
}
