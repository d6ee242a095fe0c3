/** The gaps of a capture as the result lists them: where, why, how much, and from which message to which. */
import type { Gap } from '../capture/types.ts';
import { readHeader } from '../wire/header.ts';
import type { HeaderLayout } from '../wire/types.ts';
import type { DiffResult, GapRow, Identity } from './types.ts';

const GAPS_LISTED_MAX = 1_000;

export function listGaps(
  gaps: readonly Gap[],
  layout: HeaderLayout,
): Required<Pick<DiffResult, 'gaps' | 'gapsOmitted'>> {
  const inOrder = gaps.toSorted((left, right) => Number(left.firstTimeNs - right.firstTimeNs));
  const listed = inOrder.slice(0, GAPS_LISTED_MAX);
  return {
    gaps: listed.map((gap) => rowOf(gap, layout)),
    gapsOmitted: gaps.length - listed.length,
  };
}

function rowOf(gap: Gap, layout: HeaderLayout): GapRow {
  const { connection, stream, where, reason, offset, bytes, frames } = gap;
  return {
    connection,
    stream,
    where,
    reason,
    offset,
    bytes,
    frames: frames ?? null,
    first: identityOf(gap.firstHeader, layout),
    last: identityOf(gap.lastHeader, layout),
    firstNs: String(gap.firstTimeNs),
    lastNs: String(gap.lastTimeNs),
  };
}

/** A capture is read with any dialect: a header of another size tells nothing. */
function identityOf(bytes: Uint8Array | undefined, layout: HeaderLayout): Identity | null {
  if (bytes === undefined || bytes.length < layout.sizeBytes) return null;
  const header = readHeader(layout, bytes);
  return {
    domain: header.relay_domain,
    source: header.source,
    sequence: header.sequence.toString(),
  };
}
