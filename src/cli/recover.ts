/** `relaydiff recover`: salvage a damaged capture into a new one. */
import { Command } from 'commander';
import { recoverCapture } from '../capture/recover.ts';
import type { Recovery } from '../capture/recovery.ts';
import { EXIT } from '../lib/operating-error.ts';
import { layoutOf } from './inputs.ts';
import { DEFAULT_DIALECT, dialectOption, quietOption, schemaOption } from './options.ts';
import { Progress, writeOut } from './output.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { VERSION } from './version.ts';

interface RecoverOptions {
  readonly out: string;
  readonly dialect: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Example:
  relaydiff verify md.capture
  relaydiff recover md.capture --out md-recovered.capture

The damaged file is only read, and so is the -wal file beside it: keep both together.
Exit codes: 0 nothing was lost, 3 something was, or may have been, 2 nothing could be saved.`;

export function recoverCommand(): Command {
  return new Command('recover')
    .description('save what is true of a damaged capture into a new one, and say what was lost')
    .argument('<file>', 'capture, damaged or not sealed')
    .requiredOption('--out <file>', 'the new capture; never overwritten')
    .addOption(
      dialectOption('dialect of the recording, where the file does not say it any more').default(
        DEFAULT_DIALECT,
      ),
    )
    .addOption(schemaOption())
    .option('--json', 'print JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(recover);
}

async function recover(file: string, options: RecoverOptions): Promise<void> {
  const progress = new Progress(options);
  const recovery = recoverCapture(file, options.out, {
    writer: VERSION,
    dialect: options.dialect,
    layoutOf: (capture) => layoutOf(capture, options),
    onProgress: (step, done, total) => progress.update(step, done, total),
  });
  progress.done();
  await writeOut(options.json ? `${JSON.stringify(recovery)}\n` : render(recovery));
  process.exitCode = recovery.verdict === 'whole' ? EXIT.same : EXIT.inconclusive;
}

/** More can be seen with --json. */
const LINES_SHOWN = 20;

function render(recovery: Recovery): string {
  const { recovered, lost, damage } = recovery;
  const of = (count: number, what: string): string => `${formatCount(count)} ${what}`;
  const lines = [
    `${recovery.output}: ${of(recovered.streams, 'streams')} of ${of(recovered.connections, 'connections')}, ${of(recovered.chunks, 'chunks')} of ${formatBytes(recovered.bytes)}, ${of(recovered.events, 'events')}; read again and verified`,
    verdictLine(recovery),
    ...shorten(lost.ranges.map(rangeLine), lost.rangeCount),
    ...lost.streams.map(
      ({ id, bytes }) =>
        `  stream ${id}: nobody knows of which connection it is any more; ${of(bytes, 'bytes')} were readable`,
    ),
    ...shorten(
      lost.facts.map((fact) => `  not known any more: ${fact}`),
      lost.facts.length,
    ),
  ];
  if (lost.events) lines.push('  events may be missing');
  if (damage.count > 0) {
    lines.push(
      `${recovery.input} is damaged at ${of(damage.count, damage.count === 1 ? 'place' : 'places')}`,
      ...shorten(
        damage.places.map(
          ({ table, page, what }) =>
            `  ${page === 0 ? '' : `page ${page}, `}${table === null ? '' : `table ${table}: `}${what}`,
        ),
        damage.count,
      ),
    );
  }
  return `${lines.join('\n')}\n`;
}

function verdictLine({ verdict, sealed, proven, lost }: Recovery): string {
  if (verdict === 'whole') {
    return sealed
      ? `nothing was lost${proven ? ': the digest of the sealed file proves it' : ''}`
      : 'nothing that the file held was lost; it was not sealed, so the end of the recording is missing';
  }
  if (lost.rangeCount === 0) return 'no bytes are known to be lost, but the damage leaves it open:';
  return `LOST: ${formatCount(lost.bytes)} bytes in ${formatCount(lost.rangeCount)} ${lost.rangeCount === 1 ? 'range' : 'ranges'}, each a gap in the new capture`;
}

function rangeLine({
  connection,
  label,
  stream,
  offset,
  bytes,
}: Recovery['lost']['ranges'][number]): string {
  const amount = bytes === null ? 'an unknown number of bytes' : `${formatCount(bytes)} bytes`;
  return `  connection ${connection} (${label}), ${stream} stream: ${amount} from ${formatCount(offset)} on`;
}

function shorten(lines: readonly string[], count: number): readonly string[] {
  if (count <= LINES_SHOWN) return lines;
  return [
    ...lines.slice(0, LINES_SHOWN),
    `  and ${formatCount(count - LINES_SHOWN)} more; --json lists them`,
  ];
}
