/** Which relay a recording is of: what its notes say, or what most of its clients' messages are for. */
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { Dialect } from '../protocol/types.ts';
import { readHeader } from '../wire/header.ts';
import { GOLDEN_DOMAINS, type GoldenDomain } from './expected.ts';

/** Who is not sure after so many never will be. */
const MESSAGES_LOOKED_AT = 10_000;

/** Throws USAGE when nothing tells. */
export function domainOf(capture: CaptureReader, dialect: Dialect): GoldenDomain {
  const found = fromNotes(capture) ?? fromMessages(capture, dialect);
  if (found !== undefined) return found;
  throw new OperatingError('USAGE', `nothing in ${capture.path} says which relay it is of`, {
    hint: `Say it: --domain ${GOLDEN_DOMAINS.join(', or --domain ')}.`,
  });
}

/** `/tmp/torq/market_data.sock`, `signal relay, original`. */
function fromNotes({ info }: CaptureReader): GoldenDomain | undefined {
  const { old = '' } = info.notes;
  const named = GOLDEN_DOMAINS.filter((domain) => plain(old).includes(plain(domain)));
  return named.length === 1 ? named[0] : undefined;
}

function fromMessages(capture: CaptureReader, dialect: Dialect): GoldenDomain | undefined {
  const counts = new Map<GoldenDomain, number>();
  let left = MESSAGES_LOOKED_AT;
  for (const stream of capture.streams()) {
    if (stream.kind !== 'client') continue;
    for (const { span } of readSpans(capture, stream, dialect.header)) {
      if (span.kind !== 'frame') continue;
      const { relay_domain: number } = readHeader(dialect.header, span.bytes);
      const name = plain(dialect.domains.names.get(number) ?? '');
      const domain = GOLDEN_DOMAINS.find((each) => plain(each) === name);
      if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + 1);
      left -= 1;
      if (left === 0) return commonest(counts);
    }
  }
  return commonest(counts);
}

function commonest(counts: ReadonlyMap<GoldenDomain, number>): GoldenDomain | undefined {
  return [...counts].sort(([, left], [, right]) => right - left)[0]?.[0];
}

function plain(name: string): string {
  return name.replaceAll('_', '').toLowerCase();
}
