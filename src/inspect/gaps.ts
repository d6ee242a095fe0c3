/** A gap as people and machines read it: where, why, how much, and which messages it begins and ends with. */
import type { Gap } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';

export interface GapMessage {
  readonly domain: number;
  readonly source: number;
  readonly sequence: string;
}

export interface GapSummary {
  readonly where: Gap['where'];
  readonly reason: string;
  readonly offset: number;
  readonly bytes: number;
  /** null when nobody could count them. */
  readonly frames: number | null;
  /** Of the first and the last of these frames; null when there is none, or nobody kept them. */
  readonly first: GapMessage | null;
  readonly last: GapMessage | null;
}

export function summarizeGap(gap: Gap, dialect: Dialect): GapSummary {
  const { where, reason, offset, bytes, frames, firstHeader, lastHeader } = gap;
  return {
    where,
    reason,
    offset,
    bytes,
    frames: frames ?? null,
    first: messageOf(firstHeader, dialect),
    last: messageOf(lastHeader, dialect),
  };
}

function messageOf(header: Uint8Array | undefined, { header: layout }: Dialect): GapMessage | null {
  if (header === undefined || header.length < layout.sizeBytes) return null;
  const { relay_domain: domain, source, sequence } = readHeader(layout, header);
  return { domain, source, sequence: sequence.toString() };
}

/** `12 frames, 1,200 bytes not recorded (spool-full), MarketData/Kraken sequence 3 to ...`. */
export function gapWords(gap: GapSummary, dialect: Dialect): string {
  const what = gap.where === 'mirror' ? 'not sent to the new relay' : 'not recorded';
  const frames = gap.frames === null ? '' : `${gap.frames.toLocaleString('en-US')} frames, `;
  const bytes = gap.bytes === 0 ? 'an unknown number of' : gap.bytes.toLocaleString('en-US');
  const amount = `${frames}${bytes} bytes`;
  return `${amount} ${what} (${gap.reason})${messagesWords(gap, dialect)}`;
}

function messagesWords({ first, last }: GapSummary, dialect: Dialect): string {
  if (first === null || last === null) return '';
  const [from, to] = [messageWords(first, dialect), messageWords(last, dialect)];
  return from === to ? `, ${from}` : `, ${from} to ${to}`;
}

function messageWords({ domain, source, sequence }: GapMessage, dialect: Dialect): string {
  const domainName = dialect.domains.names.get(domain) ?? `domain ${domain}`;
  const sourceName = dialect.sources.names.get(source) ?? `source ${source}`;
  return `${domainName}/${sourceName} sequence ${sequence}`;
}
