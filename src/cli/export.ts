/** `relaydiff export`: a capture for other programs to read. */
import { extname } from 'node:path';
import { Command, Option } from 'commander';
import { watchReading } from '../capture/watch-reading.ts';
import type { CaptureReader } from '../capture/types.ts';
import { exportPcapng } from '../formats/export-pcapng.ts';
import { exportMessagePack } from '../formats/message-pack.ts';
import { exportNdjson } from '../formats/ndjson.ts';
import { NewFile } from '../formats/new-file.ts';
import { exportParquet } from '../formats/parquet.ts';
import { EXPORT_FORMATS, type ExportFormat, type ExportSummary } from '../formats/summaries.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { dialectOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption, schemaOption } from './options.ts';
import { Progress, talk, writeOut } from './output.ts';
import { VERSION } from './version.ts';

interface ExportOptions {
  readonly format?: ExportFormat;
  readonly out: string;
  readonly dialect?: string;
  readonly schema: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Examples:
  relaydiff export md.capture --out md.pcapng            in Wireshark, with
  relaydiff schema export --format wireshark --out protocol-v2.lua
  wireshark -X lua_script:protocol-v2.lua md.pcapng
  relaydiff export md.capture --format ndjson --out - | jq 'select(.record == "gap")'
  relaydiff export md.capture --out md.parquet           for queries over messages

pcapng, ndjson and msgpack can be imported again; docs/interoperability.md says what each holds.`;

export function exportCommand(): Command {
  return new Command('export')
    .description('write a capture as a file that other programs read')
    .argument('<file>', 'capture')
    .addOption(
      new Option('--format <name>', 'what to write (default: as --out is called)').choices(
        EXPORT_FORMATS,
      ),
    )
    .requiredOption('--out <file>', 'where to write it, - for standard output; never overwritten')
    .addOption(dialectOption('cut frames as this dialect does (default: the one of the recording)'))
    .addOption(schemaOption())
    .option('--json', 'print JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(exportCapture);
}

async function exportCapture(file: string, options: ExportOptions): Promise<void> {
  const as = options.format ?? formatOf(options.out);
  if (options.out === '-' && options.json) {
    throw new OperatingError('USAGE', 'the file and --json cannot both go to standard output', {
      hint: 'Name a file with --out, or leave --json away.',
    });
  }
  const progress = new Progress(options);
  const summary = await withCapture(file, async (capture) => {
    const watched = watchReading(capture, (done, total) => progress.update(as, done, total));
    const pieces = piecesOf(as, watched, options);
    const { bytes, counts } = await writePieces(options.out, pieces);
    return { input: file, output: options.out, as, bytes, counts };
  });
  progress.done();
  const said: ExportSummary = { format: 'relaydiff-export/1', ...summary };
  if (options.json) await writeOut(`${JSON.stringify(said)}\n`);
  else if (!options.quiet && options.out !== '-') talk(summaryLine(said));
}

type Counts = Readonly<Record<string, number>>;

function piecesOf(
  as: ExportFormat,
  capture: CaptureReader,
  options: ExportOptions,
): Generator<Uint8Array, Counts> {
  switch (as) {
    case 'pcapng':
      return counted(exportPcapng(capture, dialectOf(capture, options).header, VERSION));
    case 'ndjson':
      return counted(exportNdjson(capture, VERSION));
    case 'msgpack':
      return counted(exportMessagePack(capture, VERSION));
    case 'parquet':
      return counted(exportParquet(capture, dialectOf(capture, options), VERSION));
  }
}

function* counted<T extends object>(
  pieces: Generator<Uint8Array, T>,
): Generator<Uint8Array, Counts> {
  return Object.fromEntries(Object.entries(yield* pieces));
}

const FORMAT_OF_EXTENSION: Readonly<Record<string, ExportFormat>> = {
  '.pcapng': 'pcapng',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.msgpack': 'msgpack',
  '.parquet': 'parquet',
};

function formatOf(out: string): ExportFormat {
  const format = FORMAT_OF_EXTENSION[extname(out).toLowerCase()];
  if (format !== undefined) return format;
  throw new OperatingError('USAGE', `the name of ${out} does not tell which format it is to have`, {
    hint: `Name it with --format: ${EXPORT_FORMATS.join(', ')}.`,
  });
}

/** Throws OUTPUT_EXISTS or OUTPUT_UNWRITABLE; then there is no new file. */
async function writePieces(
  out: string,
  pieces: Generator<Uint8Array, Counts>,
): Promise<{ readonly bytes: number; readonly counts: Counts }> {
  if (out === '-') {
    let bytes = 0;
    const counts = await drain(pieces, async (piece) => {
      bytes += piece.length;
      await writeOut(piece);
    });
    return { bytes, counts };
  }
  const file = new NewFile(out);
  try {
    const counts = await drain(pieces, (piece) => file.write(piece));
    file.finish();
    return { bytes: file.bytes, counts };
  } catch (error) {
    file.abandon();
    throw error;
  }
}

async function drain(
  pieces: Generator<Uint8Array, Counts>,
  take: (piece: Uint8Array) => Promise<void> | void,
): Promise<Counts> {
  for (;;) {
    const next = pieces.next();
    if (next.done === true) return next.value;
    await take(next.value);
  }
}

function summaryLine({ output, bytes, counts }: ExportSummary): string {
  const parts = Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([what, count]) =>
      what === 'bytes' ? formatBytes(count) : `${formatCount(count)} ${what}`,
    );
  return `${output}: ${parts.join(', ') || 'nothing'}; ${formatBytes(bytes)}`;
}
