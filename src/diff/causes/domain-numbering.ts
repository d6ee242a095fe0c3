/**
 * The message's domain has another number in another dialect, and with that number this side forwards: publishers and
 * relay count domains from different ends. Both name tables must say so, and the TLVs must fit: what carries the other
 * number must not be of another domain.
 */
import type { PlacementRule } from './rule.ts';

export const domainNumbering: PlacementRule = {
  kind: 'placement',
  name: 'domain-numbering',
  because: (side) => `${side} numbers its domain as another dialect does`,
  situation: 'whose domain has another number in another dialect',
  consistentWith: 'a relay that knows the domain by its number in another dialect',
  holds: (content, _sending, fates) => fates.renumbering(content) !== undefined,
  says: (content, fates) => fates.renumbering(content),
};
