/** `relaydiff record`: the inline tee. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { deferred } from '../lib/deferred.ts';
import { EXIT } from '../lib/operating-error.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { DEFAULT_MIRROR_BUDGET_BYTES, DEFAULT_MIRROR_LIMITS } from '../shim/mirror-queue.ts';
import {
  MIRROR_ALL,
  type MirrorSelection,
  parseMirrorSelection,
} from '../shim/mirror-selection.ts';
import { DEFAULT_SPOOL_LIMITS, OVERLOAD_POLICIES, type OverloadPolicy } from '../shim/recorder.ts';
import { Shim, type ShimEnd } from '../shim/shim.ts';
import { Monitor } from '../monitor/monitor.ts';
import {
  addMonitorOptions,
  type MonitorCommandOptions,
  monitorOptions,
} from './monitor-options.ts';
import {
  dialectOption,
  DEFAULT_DIALECT,
  parseBytes,
  parseDurationMs,
  quietOption,
  schemaOption,
} from './options.ts';
import { parseKeptParts, type RotateAt, parseRotateAt, rotationOf } from './rotation.ts';
import { talk, writeOut } from './output.ts';
import { formatBytes } from '../lib/format.ts';
import { VERSION } from './version.ts';

interface RecordOptions extends MonitorCommandOptions {
  readonly listen: string;
  readonly old: string;
  readonly new: string;
  readonly out: string;
  readonly duration?: number;
  readonly dialect: string;
  readonly mirrorBuffer: number;
  readonly mirrorBufferTotal: number;
  readonly mirror: MirrorChoice;
  readonly spool: number;
  readonly rotate?: RotateAt;
  readonly keep?: number;
  readonly maxDisk?: number;
  readonly onOverload: OverloadPolicy;
  readonly schema: readonly string[];
}

/** With the text, which the capture keeps. */
interface MirrorChoice {
  readonly text: string;
  readonly selection: MirrorSelection;
}

const EXAMPLE = `
Example: clients connect to /tmp/torq/md.sock and talk to the old relay as before; the new one hears the same.
  relaydiff record --listen /tmp/torq/md.sock --old /tmp/torq/md-old.sock \\
                   --new /tmp/torq/md-new.sock --out md.capture
Stop it with Ctrl-C; then: relaydiff diff md.capture --html report.html`;

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export function recordCommand(): Command {
  const command = new Command('record')
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
      DEFAULT_MIRROR_LIMITS.queueBytesMax,
    )
    .option(
      '--mirror-buffer-total <bytes>',
      'the same for all connections together',
      parseBytes,
      DEFAULT_MIRROR_BUDGET_BYTES,
    )
    .addOption(
      new Option(
        '--mirror <part>',
        'what of the traffic the new relay sees: 25%, first:10, 1,3,5-8 (order of connection), source:3,4',
      )
        .argParser(parseMirror)
        .default({ text: 'all', selection: MIRROR_ALL }, 'all'),
    )
    .option(
      '--spool <bytes>',
      'what may wait for the disk before it is left out',
      parseBytes,
      DEFAULT_SPOOL_LIMITS.spoolBytesMax,
    )
    .option(
      '--rotate <size|time>',
      'begin another file at this size or time: 256mb, 1gb, 30min, 1h; md.capture becomes md.0001.capture, ...',
      parseRotateAt,
    )
    .option('--keep <count>', 'of rotated files, keep only the newest', parseKeptParts)
    .option(
      '--max-disk <size>',
      'remove the oldest rotated files when all together are larger; without --rotate, files are an eighth of it',
      parseBytes,
    )
    .addOption(
      new Option('--on-overload <what>', 'when the disk cannot keep up: leave frames out, or wait')
        .choices(OVERLOAD_POLICIES)
        .default('gap'),
    )
    .addOption(schemaOption())
    .option('--json', 'print the summary as JSON on stdout', false);
  return addMonitorOptions(command)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(record);
}

function parseMirror(text: string): MirrorChoice {
  const selection = parseMirrorSelection(text);
  if (typeof selection === 'string') throw new InvalidArgumentError(selection);
  return { text, selection };
}

/** What a reader of the capture must know of how it was made. */
function notesOf(options: RecordOptions): Readonly<Record<string, string>> {
  const { listen, old, mirror, onOverload } = options;
  return {
    listen,
    old,
    new: options.new,
    ...(mirror.selection.kind === 'all' ? {} : { mirror: mirror.text }),
    ...(onOverload === 'gap' ? {} : { 'on-overload': onOverload }),
  };
}

async function record(options: RecordOptions): Promise<void> {
  const protocol = loadProtocolWith(options.schema);
  const dialect = protocol.dialect(options.dialect);
  const monitor = await Monitor.start(monitorOptions(options));
  const stopped = new StopRequest((line) => monitor.say(line));
  const { listen, old, new: fresh, out } = options;
  try {
    const startedUnixMs = Date.now();
    const shim = await Shim.start({
      listen,
      relays: { old, new: fresh },
      out,
      capture: {
        origin: 'record',
        writer: VERSION,
        dialect: dialect.name,
        layout: dialect.header,
        notes: notesOf(options),
        protocolSchemas: protocol.sources,
      },
      rotation: rotationOf(options),
      mirrorLimits: { queueBytesMax: options.mirrorBuffer },
      mirrorBudgetBytes: options.mirrorBufferTotal,
      mirrorSelection: options.mirror.selection,
      onOverload: options.onOverload,
      spoolLimits: { ...DEFAULT_SPOOL_LIMITS, spoolBytesMax: options.spool },
      onTrouble: (message) => monitor.say(`relaydiff: ${message}`),
    });
    if (!options.quiet) {
      if (options.onOverload === 'block') {
        monitor.say('WARNING: with --on-overload block a slow disk slows the traffic down');
      }
      monitor.say(
        `recording ${listen} -> ${out}; clients get the old relay's answers; Ctrl-C stops`,
      );
    }
    const paths = { listen, old, new: fresh, out };
    const { pid } = process;
    monitor.watch({ verb: 'record', version: VERSION, pid, startedUnixMs, paths }, shim);
    await stopped.wait(options.duration);
    const end = await shim.stop();
    await monitor.close();
    await tellEnd(end, options);
  } finally {
    await monitor.close();
    stopped.dispose();
  }
}

async function tellEnd(end: ShimEnd, options: RecordOptions): Promise<void> {
  const { sealed, ...status } = end;
  if (options.json) {
    const fileBytes = 'fileBytes' in sealed ? sealed.fileBytes : null;
    await writeOut(`${JSON.stringify({ ...status, out: options.out, fileBytes })}\n`);
  } else if (!options.quiet) {
    talk(describe(end, options.out));
  }
  if ('failure' in sealed) throw sealed.failure;
  const lost = end.recordingGapBytes + end.mirrorGapBytes > 0;
  process.exitCode = lost ? EXIT.inconclusive : EXIT.same;
}

/** Ctrl-C, a request to terminate, the end of the terminal, or the time that was given. */
class StopRequest {
  readonly #say: (line: string) => void;
  readonly #requested = deferred<void>();
  readonly #onSignal = (): void => {
    if (this.#isRequested)
      this.#say('still waiting for the last answers; the capture is sealed in a moment');
    this.#isRequested = true;
    this.#requested.resolve();
  };
  #isRequested = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(say: (line: string) => void) {
    this.#say = say;
    for (const signal of STOP_SIGNALS) process.on(signal, this.#onSignal);
  }

  async wait(durationMs: number | undefined): Promise<void> {
    if (durationMs !== undefined) this.#timer = setTimeout(this.#requested.resolve, durationMs);
    await this.#requested.promise;
  }

  dispose(): void {
    clearTimeout(this.#timer);
    for (const signal of STOP_SIGNALS) process.off(signal, this.#onSignal);
  }
}

function describe(end: ShimEnd, out: string): string {
  const { client, old, new: fresh } = end.streams;
  const size =
    'fileBytes' in end.sealed ? ` (${formatBytes(end.sealed.fileBytes)})` : ', NOT SEALED';
  const lines = [
    `recorded ${end.connections} connections in ${out}${size}`,
    `  from clients ${formatBytes(client.seenBytes)}, from old ${formatBytes(old.seenBytes)}, from new ${formatBytes(fresh.seenBytes)}`,
  ];
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
  lines.push(`next: relaydiff diff ${out} --html report.html`);
  return lines.join('\n');
}
