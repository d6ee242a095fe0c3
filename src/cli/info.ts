/** `relaydiff info`: what is in a capture. */
import { Command } from 'commander';
import { NOT_SEEN_NOTE, NOT_SEEN_SEPARATOR, TAP_ORIGIN } from '../capture/blind-spots.ts';
import { watchReading } from '../capture/watch-reading.ts';
import { type DialectLook, lookAtDialect } from '../inspect/look-at-dialect.ts';
import { gapWords } from '../inspect/gaps.ts';
import { type CaptureSummary, summarizeCapture } from '../inspect/summary.ts';
import type { Dialect } from '../protocol/types.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption, schemaOption } from './options.ts';
import { Progress, writeOut } from './output.ts';
import { plainTable } from './plain-table.ts';
import { formatCount, formatSeconds, formatUnixNs } from '../lib/format.ts';

interface InfoOptions {
  readonly dialect?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Example:
  relaydiff info captures/real-relays/market_data-split-after-header.capture`;

export function infoCommand(): Command {
  return new Command('info')
    .description('what is in a capture: dialect, streams, messages, checksums, gaps')
    .argument('<file>', 'capture')
    .addOption(
      dialectOption('read the messages with this dialect (default: the one of the recording)'),
    )
    .addOption(schemaOption())
    .option('--json', 'print JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(info);
}

async function info(file: string, options: InfoOptions): Promise<void> {
  await withCapture(file, async (capture) => {
    const progress = new Progress(options);
    const watched = watchReading(capture, (read, total) => progress.update('reading', read, total));
    const protocol = protocolOf(capture, options.schema);
    const dialect = protocol.dialect(options.dialect ?? capture.info.dialect);
    const summary = summarizeCapture(watched, dialect);
    const look = lookAtDialect(capture, protocol, dialect);
    progress.done();
    await writeOut(
      options.json
        ? `${JSON.stringify({ ...summary, detection: look })}\n`
        : render(summary, look, dialect),
    );
  });
}

function render(summary: CaptureSummary, look: DialectLook, dialect: Dialect): string {
  const { checksums } = summary;
  const facts = [
    `capture    ${summary.path} (${summary.origin}, relaydiff ${summary.writer})`,
    `recorded   ${formatUnixNs(summary.startedUnixNs)}, ${formatSeconds(summary.durationNs)}`,
    `state      ${summary.sealed ? 'sealed' : 'NOT SEALED: the recorder did not end in good order; what is here is true, the end is missing'}`,
    ...(summary.part === null ? [] : [`part       ${partText(summary.part)}`]),
    `dialect    ${summary.dialect}`,
    ...Object.entries(summary.notes).map(noteText),
    `checksums  ${formatCount(checksums.valid)} valid, ${formatCount(checksums.zero)} zero, ${formatCount(checksums.wrong)} wrong`,
  ];
  return `${[...facts, '', dialectText(look, summary.dialect), '', streamTable(summary), '', messageTable(summary), '', gapText(summary, dialect)].join('\n')}\n`;
}

function noteText([key, value]: readonly [string, string]): string {
  const lines = key === NOT_SEEN_NOTE ? value.split(NOT_SEEN_SEPARATOR) : [value];
  return `${key.padEnd(10)} ${lines.join(`\n${' '.repeat(11)}`)}`;
}

function streamTable(summary: CaptureSummary): string {
  const numbers = ['bytes', 'chunks', 'frames', 'defects', 'tail'];
  return plainTable(
    ['connection', 'label', 'stream', ...numbers],
    numbers,
    summary.streams.map((stream) => [
      String(stream.connection),
      stream.label,
      stream.stream,
      formatCount(stream.bytes),
      formatCount(stream.chunks),
      formatCount(stream.frames),
      formatCount(stream.defects),
      formatCount(stream.tailBytes),
    ]),
  );
}

function messageTable(summary: CaptureSummary): string {
  const sent = summary.origin === TAP_ORIGIN ? 'fed to new' : 'from clients';
  const numbers = [sent, 'from old', 'from new'];
  return plainTable(
    ['message', 'domain', 'source', ...numbers],
    numbers,
    summary.messages.map((row) => [
      row.message,
      row.domain,
      row.source,
      formatCount(row.client),
      formatCount(row.old),
      formatCount(row.new),
    ]),
  );
}

/** What the clients speak, and who would not hear it. */
function dialectText(
  { best, summary, evidence, numbering, ...look }: DialectLook,
  used: string,
): string {
  const [first] = best;
  const lines = [
    `looks like ${first === undefined ? `nothing known: ${summary}` : best.join(' or ')}`,
    ...evidence.map((sentence) => `  ${sentence}`),
    ...numbering.map((sentence) => `  ${sentence}`),
  ];
  if (look.truncated) lines.push('  (of a sample: the capture holds more)');
  if (first !== undefined && look.contradicted)
    lines.push(`WARNING    read as ${used}, which the messages contradict; try --dialect ${first}`);
  for (const { detail } of look.warnings) lines.push(`WARNING    ${detail}`);
  return lines.join('\n');
}

function gapText(summary: CaptureSummary, dialect: Dialect): string {
  if (summary.gaps.length === 0) return 'gaps       none';
  const lines = summary.gaps.map(
    (gap) =>
      `  connection ${gap.connection}, ${gap.stream} stream at ${gap.offset}: ${gapWords(gap, dialect)}`,
  );
  return ['gaps', ...lines].join('\n');
}

/** The files of a rotated recording read as one when the name without number is given. */
function partText(part: number): string {
  return part === 1
    ? 'a rotated recording'
    : `file ${part} of a rotated recording; name it without the number to read all files as one`;
}
