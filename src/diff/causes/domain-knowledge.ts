/** What the schemas say of domains: names in each dialect, and the domain that each TLV type belongs to. */
import type { Dialect } from '../../protocol/types.ts';
import type { DomainKnowledge, Numbering } from './domain-fates.ts';

/** `notes`: of the capture. `dialect`: the one that clients are read with. */
export function domainKnowledge(
  dialect: Dialect,
  numberings: readonly Numbering[],
  notes: Readonly<Record<string, string>>,
): DomainKnowledge {
  return {
    ownDomain: (side) => domainNamed(dialect, RELAY.exec(notes[side] ?? '')?.[1]),
    numberings: [numberingOf(dialect), ...numberings],
    registeredDomain: ({ shape }) => {
      const domains = new Set(
        shape
          .split(',')
          .flatMap((type) => dialect.types.get(Number.parseInt(type, 10))?.domain ?? []),
      );
      domains.delete('vendor');
      const [only] = domains;
      return domains.size === 1 ? only : undefined;
    },
  };
}

/** As imported transcripts note it: `market_data relay, generic`. */
const RELAY = /^([a-z_]+) relay\b/;

function domainNamed({ domains }: Dialect, relay: string | undefined): number | undefined {
  if (relay === undefined) return undefined;
  const plain = (name: string): string => name.replaceAll('_', '').toLowerCase();
  for (const [number, name] of domains.names) if (plain(name) === plain(relay)) return number;
  return undefined;
}

export function numberingOf({ name, domains }: Dialect): Numbering {
  return { dialect: name, names: domains.names };
}
