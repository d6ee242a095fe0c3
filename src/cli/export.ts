/** `relaydiff export`: a capture for other programs to read. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { Command, Option } from 'commander';
import { exportPcapng, type ExportedBlock } from '../capture/export-pcapng.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { dialectOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption, schemaOption } from './options.ts';
import { talk } from './output.ts';
import { VERSION } from './version.ts';

interface ExportOptions {
  readonly format: 'pcapng';
  readonly out: string;
  readonly dialect?: string;
  readonly schema: readonly string[];
  readonly quiet: boolean;
}

const EXAMPLE = `
Example: a capture in Wireshark
  relaydiff export md.capture --format pcapng --out md.pcapng
  relaydiff schema export --format wireshark --out protocol-v2.lua
  wireshark -X lua_script:protocol-v2.lua md.pcapng`;

export function exportCommand(): Command {
  return new Command('export')
    .description('write a capture as a file that other programs read')
    .argument('<file>', 'capture')
    .addOption(
      new Option('--format <name>', 'what to write').choices(['pcapng']).makeOptionMandatory(),
    )
    .requiredOption('--out <file>', 'where to write it')
    .addOption(dialectOption('cut frames as this dialect does (default: the one of the recording)'))
    .addOption(schemaOption())
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(exportCapture);
}

async function exportCapture(file: string, options: ExportOptions): Promise<void> {
  await withCapture(file, (capture) => {
    const { header } = dialectOf(capture, options);
    const counts = writeBlocks(options.out, exportPcapng(capture, header, `relaydiff ${VERSION}`));
    if (options.quiet) return;
    talk(`${options.out}: ${counts.frames} frames, ${counts.others} defects, tails and gaps`);
    if (counts.cut > 0)
      talk(`${counts.cut} frames are longer than Wireshark takes, and are cut to 256 KiB`);
  });
}

const BATCH_BYTES = 1_048_576;

/** Throws OUTPUT_UNWRITABLE. */
function writeBlocks(
  path: string,
  blocks: Iterable<ExportedBlock>,
): { readonly frames: number; readonly others: number; readonly cut: number } {
  const counts = { frames: 0, others: 0, cut: 0 };
  const file = guarded(path, () => openSync(path, 'w'));
  try {
    let batch: Uint8Array[] = [];
    let bytes = 0;
    const flush = (): void => {
      guarded(path, () => writeAll(file, Buffer.concat(batch)));
      batch = [];
      bytes = 0;
    };
    for (const { block, kind, isCut } of blocks) {
      if (kind === 'frame') counts.frames += 1;
      else if (kind !== 'head') counts.others += 1;
      if (isCut) counts.cut += 1;
      batch.push(block);
      bytes += block.length;
      if (bytes >= BATCH_BYTES) flush();
    }
    flush();
  } finally {
    closeSync(file);
  }
  return counts;
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new OperatingError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${String(error)}`, {
      hint: 'Check that the directory exists and that you may write to it.',
      cause: error,
    });
  }
}
