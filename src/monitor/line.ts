/**
 * The status in one line: for a terminal cut to its width, what matters most first; for a log complete. Pure.
 */
import { styleText } from 'node:util';
import { formatBytes, formatCount } from '../lib/format.ts';
import { type StreamKind, STREAM_KINDS } from '../capture/types.ts';
import type { Status } from './status.ts';

type Style = 'red' | 'yellow';

interface Segment {
  readonly text: string;
  readonly style?: Style;
}

const SEPARATOR = ' | ';
const ELLIPSIS = '…';
/** As long as this a mirror is hardly behind: it is what a busy relay needs. */
const LAG_SHOWN_SECONDS = 0.1;

export interface LineOptions {
  /** Cells that the line may fill. */
  readonly width: number;
  readonly colour: boolean;
}

/** For a log: everything, with the time before it. */
export function plainLine(status: Status): string {
  return `${status.time} ${texts(segmentsOf(status)).join(SEPARATOR)}`;
}

/** For a terminal: as many segments as fit, the first one cut if it must be. */
export function terminalLine(status: Status, { width, colour }: LineOptions): string {
  const shown: Segment[] = [];
  let used = 0;
  for (const segment of segmentsOf(status)) {
    const cells = segment.text.length + (shown.length === 0 ? 0 : SEPARATOR.length);
    if (used + cells > width) {
      if (shown.length === 0) shown.push({ ...segment, text: cut(segment.text, width) });
      break;
    }
    shown.push(segment);
    used += cells;
  }
  return shown.map((segment) => paint(segment, colour)).join(SEPARATOR);
}

/** The most important first: on a narrow terminal the last ones fall off. */
function segmentsOf(status: Status): readonly Segment[] {
  return [
    ...status.problems.map(({ detail }): Segment => ({ text: printable(detail), style: 'red' })),
    { text: status.clients === 1 ? '1 client' : `${formatCount(status.clients)} clients` },
    { text: rates(status) },
    ...gapSegments(status),
    lagSegment(status),
    spoolSegment(status),
    { text: `seen ${formatBytes(seenBytes(status))}` },
    { text: `file ${status.file.bytes === null ? '?' : formatBytes(status.file.bytes)}` },
    { text: duration(status.uptimeSeconds) },
  ];
}

function rates({ streams }: Status): string {
  const rate = (kind: StreamKind): string =>
    `${kind} ${formatCount(Math.round(streams[kind].framesPerSecond))}`;
  return `frames/s ${STREAM_KINDS.map(rate).join(' ')}`;
}

function gapSegments({ streams, gaps, lostEvents }: Status): readonly Segment[] {
  const notRecordedBytes = STREAM_KINDS.reduce((sum, kind) => sum + streams[kind].gapBytes, 0);
  const notMirroredBytes = gaps
    .filter(({ where }) => where === 'mirror')
    .reduce((sum, { bytes }) => sum + bytes, 0);
  const segments: Segment[] = [];
  if (notRecordedBytes > 0) {
    segments.push({ text: `NOT RECORDED ${formatBytes(notRecordedBytes)}`, style: 'red' });
  }
  if (lostEvents > 0) {
    segments.push({ text: `EVENTS LOST ${formatCount(lostEvents)}`, style: 'red' });
  }
  if (notMirroredBytes > 0) {
    segments.push({ text: `not mirrored ${formatBytes(notMirroredBytes)}`, style: 'yellow' });
  }
  return segments.length > 0 ? segments : [{ text: 'no gaps' }];
}

function lagSegment({ mirror }: Status): Segment {
  if (mirror.lagSeconds < LAG_SHOWN_SECONDS) return { text: 'mirror up to date' };
  const text = `mirror ${mirror.lagSeconds.toFixed(1)} s behind, ${formatBytes(mirror.queuedBytes)} waiting`;
  return mirror.lagSeconds < 1 ? { text } : { text, style: 'yellow' };
}

function spoolSegment({ spool, warnings }: Status): Segment {
  const text = `spool ${percent(spool.bytes, spool.bytesMax)} %`;
  const isFilling = warnings.some(({ reason }) => reason === 'spool-filling');
  return isFilling ? { text, style: 'yellow' } : { text };
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((100 * part) / whole);
}

function seenBytes({ streams }: Status): number {
  return STREAM_KINDS.reduce((sum, kind) => sum + streams[kind].seenBytes, 0);
}

/** `1:02:03` */
function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const pad = (value: number): string => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3_600);
  return `${hours}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}

function texts(segments: readonly Segment[]): readonly string[] {
  return segments.map(({ text }) => text);
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}${ELLIPSIS}`;
}

/** A message of the system or a path may hold what would move the cursor. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}

function paint({ text, style }: Segment, colour: boolean): string {
  if (style === undefined || !colour) return text;
  return styleText(style, text, { validateStream: false });
}
