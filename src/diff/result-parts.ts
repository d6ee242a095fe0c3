/** Parts of a result that no finding decides: what the capture is, what was left out of it, and when what happened. */
import { basename } from 'node:path';
import { blindSpotsOf } from '../capture/blind-spots.ts';
import type { CaptureReader } from '../capture/types.ts';
import { countFrames, type Judged } from './count-result.ts';
import type { Finding } from './findings.ts';
import type { Histories } from './histories.ts';
import { type CaptureContents, NOT_SELECTED } from './read-capture.ts';
import { TimelineCounter } from './timeline.ts';
import type { DiffResult, IgnoredMessage, LeftOutCount } from './types.ts';

const IGNORED_LISTED_MAX = 1_000;

export function hasDeliveries({ connections }: CaptureContents, { of }: Histories): boolean {
  return connections.some(
    ({ id, old, new: neu, retired }) =>
      of.get(id)?.selection !== 'none' && old.length + neu.length + (retired?.pairs ?? 0) > 0,
  );
}

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
  { rows }: CaptureContents,
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

export function listIgnored(judged: readonly Judged[]): readonly IgnoredMessage[] {
  const ignored: IgnoredMessage[] = [];
  for (const { items, judgement } of judged) {
    for (const { unpaired, passed } of judgement.setAside) {
      if (passed === undefined) continue;
      if (ignored.length === IGNORED_LISTED_MAX) return ignored;
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
  }
  return ignored;
}

export function summaryOf(
  findings: readonly Finding[],
): (judged: Judged) => DiffResult['connections'][number] {
  const byConnection = new Map<number, number>();
  for (const { connection } of findings) {
    byConnection.set(connection, (byConnection.get(connection) ?? 0) + 1);
  }
  return ({ items }) => ({
    id: items.id,
    label: items.label,
    clientFrames: items.clientFrames,
    oldFrames: countFrames(items, 'old'),
    newFrames: countFrames(items, 'new'),
    divergences: byConnection.get(items.id) ?? 0,
  });
}

export function timelineOf(
  reader: CaptureReader,
  { connections, timeline: counted }: CaptureContents,
  findings: readonly Finding[],
): DiffResult['timeline'] {
  const timeline = counted?.copy() ?? new TimelineCounter();
  for (const connection of connections) {
    for (const side of ['old', 'new'] as const) {
      for (const { content, backbone, arrivalNs } of connection[side]) {
        if (content.isFrame && backbone?.isPair !== true) timeline.add(side, arrivalNs);
      }
    }
  }
  for (const finding of findings) timeline.add('divergences', finding.timeNs);
  return timeline.result(Number(reader.info.durationNs));
}
