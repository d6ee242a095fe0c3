/** Parts of a result that no finding decides: what the capture is, what was left out of it, and when what happened. */
import { basename } from 'node:path';
import { blindSpotsOf } from '../capture/blind-spots.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { Judged } from './count-result.ts';
import type { Histories } from './histories.ts';
import { NOT_SELECTED } from './mirror-gaps.ts';
import type { CaptureRows } from './read-capture.ts';
import type { DiffResult, IgnoredMessage, LeftOutCount } from './types.ts';

export const IGNORED_LISTED_MAX = 1_000;

export function describeCapture({ info, path }: CaptureReader): DiffResult['capture'] {
  const notSeen = blindSpotsOf(info.origin);
  return {
    name: basename(path),
    origin: info.origin,
    startedUnixNs: String(info.startedUnixNs),
    durationNs: String(info.durationNs),
    sealed: info.sealed,
    ...(notSeen.length === 0 ? {} : { notSeen }),
  };
}

/** What the operator asked to keep from the new relay; undefined when that is nothing. */
export function leftOutOf(
  rows: CaptureRows,
  { of }: Histories,
): Omit<LeftOutCount, 'frames'> | undefined {
  const selections = [...of.values()].map(({ selection }) => selection);
  const connections = selections.filter((selection) => selection === 'none').length;
  const listeners = selections.filter((selection) => selection === 'listens').length;
  if (connections + listeners === 0) return undefined;
  const bytes = rows.gaps
    .filter(({ reason }) => reason === NOT_SELECTED)
    .reduce((sum, gap) => sum + gap.bytes, 0);
  return { connections, listeners, bytes };
}

export function connectionDoubts(histories: Histories['of']): readonly string[] {
  return [...histories].flatMap(([id, history]) =>
    [...history.doubts()].map((doubt) => `connection ${id}: ${doubt}`),
  );
}

export function ignoredOf(
  { items, judgement }: Judged,
  listedMax: number,
): readonly IgnoredMessage[] {
  const ignored: IgnoredMessage[] = [];
  for (const { unpaired, passed } of judgement.setAside) {
    if (passed === undefined) continue;
    if (ignored.length >= listedMax) break;
    const { edge, witness } = passed;
    ignored.push({
      connection: items.id,
      side: unpaired.side,
      ordinal: (judgement.lacked.get(unpaired)?.item ?? unpaired.item).ordinal,
      edge,
      witness: {
        connection: witness.connection,
        arrivalNs: String(witness.item.arrivalNs),
      },
    });
  }
  return ignored;
}
