/** Makes of what agreed but for its noise the pairs that the noise is judged by. */
import type { Identity } from '../identity.ts';
import type { NoisyHalf, NoisyPair } from '../noise/traffic.ts';
import type { Head } from '../records.ts';
import { bytesOf, type SpanRecord } from './records-of-spans.ts';

export interface AgreedPair extends NoisyPair {
  readonly records: readonly SpanRecord[];
}

/** `records`: with both halves of each pair. */
export function agreedPairs(
  records: readonly SpanRecord[],
  identity: Identity,
): readonly AgreedPair[] {
  const pairs: AgreedPair[] = [];
  for (const old of records) {
    if (old.partner === undefined) continue;
    const neu = old.partner;
    const oldValues = identity.valuesOf(bytesOf(old), 'old');
    const newValues = identity.valuesOf(bytesOf(neu), 'new');
    if (oldValues === undefined || newValues === undefined) continue;
    const { type } = oldValues.layout;
    if (newValues.layout.type !== type) continue;
    pairs.push({
      connection: old.row.connection,
      old: halfOf(old, identity),
      new: halfOf(neu, identity),
      isMoved: false,
      type,
      oldValues,
      newValues,
      records: [old, neu],
    });
  }
  return pairs;
}

function halfOf(record: SpanRecord, identity: Identity): NoisyHalf {
  const role = identity.roleOf(bytesOf(record), record.row.kind);
  const head: Pick<Head, 'domain' | 'source'> = { domain: role >>> 8, source: role & 0xff };
  return { index: record.index, arrivalNs: record.arrivalNs, content: { head } };
}
