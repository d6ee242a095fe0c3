/** `relaydiff record`: the inline tee. */
import { Command } from 'commander';
import { EXIT, OperatingError } from '../lib/operating-error.ts';
import { loadBuiltInProtocol } from '../protocol/files.ts';
import { Shim, type ShimSummary } from '../shim/shim.ts';
import {
  dialectOption,
  DEFAULT_DIALECT,
  parseBytes,
  parseDurationMs,
  quietOption,
} from './options.ts';
import { talk, writeOut } from './output.ts';
import { formatBytes } from './text.ts';
import { VERSION } from './version.ts';

interface RecordOptions {
  readonly listen: string;
  readonly old: string;
  readonly new: string;
  readonly out: string;
  readonly duration?: number;
  readonly dialect: string;
  readonly mirrorBuffer: number;
  readonly spool: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Example: clients connect to /tmp/torq/md.sock and talk to the old relay as before; the new one hears the same.
  relaydiff record --listen /tmp/torq/md.sock --old /tmp/torq/md-old.sock \\
                   --new /tmp/torq/md-new.sock --out md.capture
Stop it with Ctrl-C; then: relaydiff diff md.capture --html report.html`;

const BATCH_BYTES_MAX = 256 * 1024;

export function recordCommand(): Command {
  return new Command('record')
    .description('stand between clients and the old relay, mirror to the new one, record both')
    .requiredOption('--listen <path>', 'Unix socket that the clients connect to')
    .requiredOption('--old <path>', 'socket of the old relay; clients get its answers')
    .requiredOption('--new <path>', 'socket of the new relay; its answers are only recorded')
    .requiredOption('--out <file>', 'capture to write; must not exist')
    .option('--duration <time>', 'stop after this long (10s, 5m, 1h)', parseDurationMs)
    .addOption(dialectOption('numbering that the clients speak').default(DEFAULT_DIALECT))
    .option(
      '--mirror-buffer <bytes>',
      'what may wait for a slow new relay, per connection, before whole frames are left out',
      parseBytes,
      8 * 1024 * 1024,
    )
    .option(
      '--spool <bytes>',
      'what may wait for the disk before it is left out',
      parseBytes,
      64 * 1024 * 1024,
    )
    .option('--json', 'print the summary as JSON on stdout', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(record);
}

async function record(options: RecordOptions): Promise<void> {
  checkPaths(options);
  const protocol = loadBuiltInProtocol();
  const dialect = protocol.dialect(options.dialect);
  const stopRequested = untilStopped(options.duration);
  const shim = await Shim.start({
    listen: options.listen,
    relays: { old: options.old, new: options.new },
    out: options.out,
    layout: dialect.header,
    capture: {
      origin: 'record',
      writer: VERSION,
      startedUnixNs: BigInt(Date.now()) * 1_000_000n,
      dialect: dialect.name,
      notes: { listen: options.listen, old: options.old, new: options.new },
      protocolSchemas: protocol.sources,
    },
    mirrorLimits: { queueBytesMax: options.mirrorBuffer },
    spoolLimits: { spoolBytesMax: options.spool, batchBytesMax: BATCH_BYTES_MAX },
    onTrouble: (message) => talk(`relaydiff: ${message}`),
  });
  if (!options.quiet) {
    talk(
      `recording ${options.listen} -> ${options.out}; clients get the old relay's answers; Ctrl-C stops`,
    );
  }
  await stopRequested;
  const summary = await shim.stop();
  if (options.json) await writeOut(`${JSON.stringify({ ...summary, out: options.out })}\n`);
  else if (!options.quiet) talk(describe(summary, options.out));
  const lost = summary.recordingGapBytes + summary.mirrorGapBytes > 0;
  process.exitCode = lost ? EXIT.inconclusive : EXIT.same;
}

function checkPaths(options: RecordOptions): void {
  const paths = [options.listen, options.old, options.new];
  if (new Set(paths).size === paths.length) return;
  throw new OperatingError('USAGE', '--listen, --old and --new must be three different sockets', {
    hint: 'A shim that listens where a relay listens would talk to itself.',
  });
}

async function untilStopped(durationMs: number | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => resolve();
    process.once('SIGINT', stop);
    process.once('SIGTERM', stop);
    if (durationMs !== undefined) setTimeout(stop, durationMs);
  });
}

function describe(summary: ShimSummary, out: string): string {
  const { seenBytes } = summary;
  const lines = [
    `recorded ${summary.connections} connections in ${out} (${formatBytes(summary.fileBytes)})`,
    `  from clients ${formatBytes(seenBytes.client)}, from old ${formatBytes(seenBytes.old)}, from new ${formatBytes(seenBytes.new)}`,
  ];
  if (summary.recordingGapBytes > 0) {
    lines.push(`  NOT RECORDED: ${formatBytes(summary.recordingGapBytes)}; the capture says where`);
  }
  if (summary.mirrorGapBytes > 0) {
    lines.push(
      `  NOT MIRRORED to new: ${formatBytes(summary.mirrorGapBytes)}; the capture says where`,
    );
  }
  lines.push(`next: relaydiff diff ${out} --html report.html`);
  return lines.join('\n');
}
