/**
 * Which domain numbers publishers write for which domains, and what a relay that compares with another numbering
 * does to their messages. The generic relays drop whatever does not carry their own number, without a word.
 */
import { readHeader } from '../wire/header.ts';
import { walkTlvs } from '../wire/tlv.ts';
import { registeredType } from './decode.ts';
import type { Dialect } from './types.ts';

export interface DomainUse {
  /** The header's number. */
  readonly number: number;
  /** What the messages are about, by the registry: the domain of their TLVs. */
  readonly domain: string;
  readonly messages: number;
}

export interface NumberingWarning {
  readonly kind: 'dropped' | 'passes-wrong-relay';
  /** What the messages are about. */
  readonly domain: string;
  readonly number: number;
  readonly messages: number;
  /** The relay that drops or passes them, by its domain. */
  readonly relay: string;
  /** One sentence for a person. */
  readonly detail: string;
}

/** What the three generic relays compare the domain byte with (protocol reference, "New generic"). */
export const GENERIC_RELAY_NUMBERING: ReadonlyMap<number, string> = new Map([
  [1, 'MarketData'],
  [2, 'Signal'],
  [3, 'Execution'],
]);

/** System TLVs and those of vendors travel in messages of any domain: nothing follows from them. */
export const NEUTRAL_DOMAINS: ReadonlySet<string> = new Set(['System', 'vendor']);

/**
 * By number, then by domain. A message without a TLV that belongs to one domain is what its header says; one whose
 * header says nothing either is left out.
 */
export function domainUses(dialect: Dialect, frames: Iterable<Uint8Array>): readonly DomainUse[] {
  const uses = new Map<string, DomainUse>();
  for (const frame of frames) {
    if (frame.byteLength < dialect.header.sizeBytes) continue;
    const number = readHeader(dialect.header, frame).relay_domain;
    const domain = subjectDomain(dialect, frame, dialect.domains.names.get(number));
    if (domain === undefined) continue;
    const key = `${number} ${domain}`;
    uses.set(key, { number, domain, messages: (uses.get(key)?.messages ?? 0) + 1 });
  }
  return [...uses.values()].sort(
    (left, right) => left.number - right.number || left.domain.localeCompare(right.domain),
  );
}

/** `said`: what the dialect calls the header's number; TLVs of other domains alone outvote it. */
function subjectDomain(
  dialect: Dialect,
  frame: Uint8Array,
  said: string | undefined,
): string | undefined {
  const { tlvs } = walkTlvs(frame.subarray(dialect.header.sizeBytes));
  if (tlvs.length === 0) return undefined;
  const domains = tlvs.flatMap((tlv) => {
    const domain = registeredType(dialect, tlv.type)?.domain;
    return domain === undefined || NEUTRAL_DOMAINS.has(domain) ? [] : [domain];
  });
  return said !== undefined && domains.includes(said) ? said : (domains[0] ?? said);
}

/** `domain 0 on 300 MarketData messages: so number alphapulse-late, torq-types`. */
export function numberingSentences(
  dialects: readonly Dialect[],
  uses: readonly DomainUse[],
): readonly string[] {
  return uses.map(({ number, domain, messages }) => {
    const names = dialects
      .filter((dialect) => dialect.domains.names.get(number) === domain)
      .map(({ name }) => name);
    const who = names.length === 0 ? 'no dialect numbers so' : `so number ${names.join(', ')}`;
    return `domain ${number} on ${messages} ${domain} messages: ${who}`;
  });
}

/** Empty when every message would pass the relay of its domain, and no other. */
export function numberingWarnings(
  uses: readonly DomainUse[],
  relays: ReadonlyMap<number, string> = GENERIC_RELAY_NUMBERING,
): readonly NumberingWarning[] {
  return uses.flatMap((use) => [...droppedBy(use, relays), ...passedBy(use, relays)]);
}

function droppedBy(
  use: DomainUse,
  relays: ReadonlyMap<number, string>,
): readonly NumberingWarning[] {
  const own = [...relays].find(([, domain]) => domain === use.domain)?.[0];
  // Domains without a relay of their own have nowhere to be dropped.
  if (own === undefined || own === use.number) return [];
  const detail = `${subject(use)}: the ${use.domain} relay compares with ${own} and drops them`;
  return [{ ...use, kind: 'dropped', relay: use.domain, detail }];
}

function passedBy(
  use: DomainUse,
  relays: ReadonlyMap<number, string>,
): readonly NumberingWarning[] {
  const relay = relays.get(use.number);
  if (relay === undefined || relay === use.domain) return [];
  const detail = `${subject(use)}: the ${relay} relay compares with ${use.number} and passes them on`;
  return [{ ...use, kind: 'passes-wrong-relay', relay, detail }];
}

function subject({ domain, messages, number }: DomainUse): string {
  const what = messages === 1 ? 'message carries' : 'messages carry';
  return `${messages} ${domain} ${what} domain ${number}`;
}
