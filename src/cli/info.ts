/** `relaydiff info`: what is in a capture. */
import Table from 'cli-table3';
import { Command } from 'commander';
import { watchReading } from '../capture/watch-reading.ts';
import { type CaptureSummary, summarizeCapture } from '../inspect/summary.ts';
import { dialectOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption } from './options.ts';
import { Progress, writeOut } from './output.ts';
import { formatBytes, formatCount, formatSeconds, formatUnixNs } from './text.ts';

interface InfoOptions {
  readonly dialect?: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Example:
  relaydiff info captures/real-relays/market_data-split-after-header.capture`;

export function infoCommand(): Command {
  return new Command('info')
    .description('what is in a capture: streams, messages, checksums, gaps')
    .argument('<file>', 'capture')
    .addOption(
      dialectOption('read the messages with this dialect (default: the one of the recording)'),
    )
    .option('--json', 'print JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(info);
}

async function info(file: string, options: InfoOptions): Promise<void> {
  await withCapture(file, async (capture) => {
    const progress = new Progress(options);
    const watched = watchReading(capture, (read, total) => progress.update('reading', read, total));
    const summary = summarizeCapture(watched, dialectOf(capture, options.dialect));
    progress.done();
    await writeOut(options.json ? `${JSON.stringify(summary)}\n` : render(summary));
  });
}

function render(summary: CaptureSummary): string {
  const { checksums } = summary;
  const facts = [
    `capture    ${summary.path} (${summary.origin}, relaydiff ${summary.writer})`,
    `recorded   ${formatUnixNs(summary.startedUnixNs)}, ${formatSeconds(summary.durationNs)}`,
    `state      ${summary.sealed ? 'sealed' : 'NOT SEALED: the recorder did not end in good order; what is here is true, the end is missing'}`,
    `dialect    ${summary.dialect}`,
    ...Object.entries(summary.notes).map(([key, value]) => `${key.padEnd(10)} ${value}`),
    `checksums  ${formatCount(checksums.valid)} valid, ${formatCount(checksums.zero)} zero, ${formatCount(checksums.wrong)} wrong`,
  ];
  return `${[...facts, '', streamTable(summary), '', messageTable(summary), '', gapText(summary)].join('\n')}\n`;
}

/** Plain columns: readable in a log, and easy to cut. */
function plainTable(head: readonly string[], rightFrom: number): InstanceType<typeof Table> {
  const noLines = [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
    'left',
    'left-mid',
    'mid',
    'mid-mid',
    'right',
    'right-mid',
  ];
  return new Table({
    head: [...head],
    chars: { ...Object.fromEntries(noLines.map((name) => [name, ''])), middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, index) => (index < rightFrom ? 'left' : 'right')),
  });
}

function streamTable(summary: CaptureSummary): string {
  const table = plainTable(
    ['connection', 'label', 'stream', 'bytes', 'chunks', 'frames', 'defects', 'tail'],
    3,
  );
  for (const stream of summary.streams) {
    table.push([
      String(stream.connection),
      stream.label,
      stream.stream,
      formatCount(stream.bytes),
      formatCount(stream.chunks),
      formatCount(stream.frames),
      formatCount(stream.defects),
      formatCount(stream.tailBytes),
    ]);
  }
  return table.toString();
}

function messageTable(summary: CaptureSummary): string {
  const table = plainTable(
    ['message', 'domain', 'source', 'from clients', 'from old', 'from new'],
    3,
  );
  for (const row of summary.messages) {
    table.push([
      row.message,
      row.domain,
      row.source,
      formatCount(row.client),
      formatCount(row.old),
      formatCount(row.new),
    ]);
  }
  return table.toString();
}

function gapText(summary: CaptureSummary): string {
  if (summary.gaps.length === 0) return 'gaps       none';
  const lines = summary.gaps.map((gap) => {
    const what = gap.where === 'mirror' ? 'not sent to the new relay' : 'not recorded';
    return `  connection ${gap.connection}, ${gap.stream} stream at ${gap.offset}: ${formatBytes(gap.bytes)} ${what} (${gap.reason})`;
  });
  return ['gaps', ...lines].join('\n');
}
