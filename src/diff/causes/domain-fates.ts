/**
 * What became of the domains: which of them a side refuses, and which it knows by another number. Judged on all
 * messages of the capture, so that one lost message refuses nothing.
 */
import type { Side } from '../../capture/types.ts';
import type { Content } from '../records.ts';
import type { DomainFates } from './rule.ts';

/** Names of domains in one dialect. */
export interface Numbering {
  readonly dialect: string;
  readonly names: ReadonlyMap<number, string>;
}

/** What is known of the domains of TLV types. */
export interface DomainKnowledge {
  readonly numberings: readonly Numbering[];
  /** Number of the domain that the relay of a side serves; undefined: the capture does not say. */
  ownDomain(side: Side): number | undefined;
  /** The domain that the registry gives its TLVs; undefined: none, or several. */
  registeredDomain(content: Content): string | undefined;
}

export interface ForwardedDomain {
  /** Domains that the registry gives the TLVs of what was forwarded with this number. */
  readonly registered: ReadonlySet<string>;
}

export function domainFates(
  refused: ReadonlySet<number>,
  forwarded: ReadonlyMap<number, ForwardedDomain>,
  knowledge: DomainKnowledge,
): DomainFates {
  const found = new Map<string, string | undefined>();
  const search = (domain: number, registered: string): string | undefined => {
    for (const own of knowledge.numberings) {
      if (own.names.get(domain) !== registered) continue;
      for (const other of knowledge.numberings) {
        for (const [number, { registered: carried }] of forwarded) {
          const isOther = number !== domain && other.names.get(number) === registered;
          if (!isOther || [...carried].some((name) => name !== registered)) continue;
          return `${registered} is ${domain} in ${own.dialect}, and ${number} in ${other.dialect}, which is forwarded.`;
        }
      }
    }
    return undefined;
  };
  return {
    isRefused: (domain) => refused.has(domain),
    renumbering: (content) => {
      const domain = content.head?.domain;
      const registered = knowledge.registeredDomain(content);
      if (domain === undefined || registered === undefined || !refused.has(domain))
        return undefined;
      const key = `${domain} ${registered}`;
      if (!found.has(key)) found.set(key, search(domain, registered));
      return found.get(key);
    },
  };
}
