/** How a recording ends on the command line, whichever verb made it: the size, what is missing, the exit code. */
import { formatBytes } from '../lib/format.ts';
import { EXIT } from '../lib/operating-error.ts';
import type { RecordingStatus, Sealed } from '../shim/recording.ts';
import { talk, writeOut } from './output.ts';

export interface RecordingEnd extends RecordingStatus {
  readonly sealed: Sealed;
}

interface EndOptions {
  readonly out: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

interface EndWords {
  readonly summary: readonly string[];
  /** Goes with the status into the JSON. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Something passed that is neither in the capture nor in a gap. */
  readonly isIncomplete?: boolean;
  /** What to do next. */
  readonly next?: string;
}

/** Throws what kept the seal off. */
export async function tellRecordingEnd(
  end: RecordingEnd,
  options: EndOptions,
  { summary, more = {}, isIncomplete = false, next }: EndWords,
): Promise<void> {
  const { sealed, ...status } = end;
  if (options.json) {
    const fileBytes = 'fileBytes' in sealed ? sealed.fileBytes : null;
    await writeOut(`${JSON.stringify({ ...status, out: options.out, fileBytes, ...more })}\n`);
  } else if (!options.quiet) {
    const usual = `next: relaydiff diff ${options.out} --html report.html`;
    talk([...summary, ...missingLines(end), next ?? usual].join('\n'));
  }
  if ('failure' in sealed) throw sealed.failure;
  const lost = isIncomplete || end.recordingGapBytes + end.mirrorGapBytes > 0;
  process.exitCode = lost ? EXIT.inconclusive : EXIT.same;
}

/** Ends the line that names the capture. */
export function sealedWords(sealed: Sealed): string {
  return 'fileBytes' in sealed ? ` (${formatBytes(sealed.fileBytes)})` : ', NOT SEALED';
}

function missingLines(end: RecordingEnd): readonly string[] {
  const lines: string[] = [];
  if ('failure' in end.sealed) {
    const lost = end.recordingGapBytes > 0 ? `${formatBytes(end.recordingGapBytes)} and ` : '';
    lines.push(
      `  NOT RECORDED: ${lost}what still waited for the disk; what was stored before is there`,
    );
  } else if (end.recordingGapBytes > 0) {
    lines.push(`  NOT RECORDED: ${formatBytes(end.recordingGapBytes)}; the capture says where`);
  }
  if (end.mirrorGapBytes > 0) {
    lines.push(`  NOT MIRRORED to new: ${formatBytes(end.mirrorGapBytes)}; the capture says where`);
  }
  if (end.notSelectedBytes > 0) {
    lines.push(`  left out on request: ${formatBytes(end.notSelectedBytes)} were not mirrored`);
  }
  return lines;
}
