/** `relaydiff record`: the inline tee. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { loadProtocolWith } from '../protocol/files.ts';
import { DEFAULT_MIRROR_BUDGET_BYTES, DEFAULT_MIRROR_LIMITS } from '../shim/mirror-queue.ts';
import {
  MIRROR_ALL,
  type MirrorSelection,
  parseMirrorSelection,
} from '../shim/mirror-selection.ts';
import { DEFAULT_SPOOL_LIMITS, OVERLOAD_POLICIES, type OverloadPolicy } from '../shim/recorder.ts';
import { clientsMaxFor, readOpenFiles } from '../shim/open-files.ts';
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
import { type Place, placeOf, type PlaceOptions, placeOptions } from './record-place.ts';
import { sealedWords, tellRecordingEnd } from './recording-end.ts';
import { keepOption, maxDiskOption, type RotateAt, rotateOption, rotationOf } from './rotation.ts';
import { StopRequest } from './stop-request.ts';
import { formatBytes } from '../lib/format.ts';
import { VERSION } from './version.ts';

interface RecordOptions extends MonitorCommandOptions, PlaceOptions {
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

The same without a new path for the clients: the relay's own path is taken over while it runs, and given back.
  relaydiff record --take-over /tmp/torq/md.sock --new /tmp/torq/md-new.sock --out md.capture

Stop it with Ctrl-C; then: relaydiff diff md.capture --html report.html`;

export function recordCommand(): Command {
  const command = new Command('record');
  for (const option of placeOptions()) command.addOption(option);
  command
    .description('stand between clients and the old relay, mirror to the new one, record both')
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
    .addOption(rotateOption())
    .addOption(keepOption())
    .addOption(maxDiskOption())
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
function notesOf(place: Place, options: RecordOptions): Readonly<Record<string, string>> {
  const { mirror, onOverload } = options;
  return {
    listen: place.listen,
    ...place.relays,
    ...(mirror.selection.kind === 'all' ? {} : { mirror: mirror.text }),
    ...(onOverload === 'gap' ? {} : { 'on-overload': onOverload }),
  };
}

async function record(options: RecordOptions): Promise<void> {
  const place = placeOf(options);
  const clientsMax = clientsMaxFor(options.clientsMax, readOpenFiles());
  const protocol = loadProtocolWith(options.schema);
  const dialect = protocol.dialect(options.dialect);
  const monitor = await Monitor.start(monitorOptions(options));
  const stopped = new StopRequest((line) => monitor.say(line));
  const { out } = options;
  try {
    const startedUnixMs = Date.now();
    const shim = await Shim.start({
      ...place,
      clientsMax,
      lingerMs: options.linger,
      out,
      capture: {
        origin: 'record',
        writer: VERSION,
        dialect: dialect.name,
        layout: dialect.header,
        notes: notesOf(place, options),
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
        `recording ${place.listen} -> ${out}; clients get the old relay's answers; ${sayClientsMax(clientsMax)}Ctrl-C stops`,
      );
    }
    const paths = { listen: place.listen, ...place.relays, out };
    const { pid } = process;
    monitor.watch({ verb: 'record', version: VERSION, pid, startedUnixMs, paths }, shim);
    await stopped.wait(options.duration);
    stopped.onAgain(() => shim.hurry());
    const end = await shim.stop();
    await monitor.close();
    await tellEnd(end, options);
  } finally {
    await monitor.close();
    stopped.dispose();
  }
}

async function tellEnd(end: ShimEnd, options: RecordOptions): Promise<void> {
  const { client, old, new: fresh } = end.streams;
  const summary = [
    `recorded ${end.connections} connections in ${options.out}${sealedWords(end.sealed)}`,
    `  from clients ${formatBytes(client.seenBytes)}, from old ${formatBytes(old.seenBytes)}, from new ${formatBytes(fresh.seenBytes)}`,
  ];
  const { pathFailure, ...told } = end;
  if (end.refusedClients > 0) {
    summary.push(`  TURNED AWAY: ${end.refusedClients} clients; there were too many already`);
  }
  await tellRecordingEnd(told, options, { summary });
  if (pathFailure !== undefined) throw pathFailure;
}

function sayClientsMax(clientsMax: number): string {
  return Number.isFinite(clientsMax) ? `up to ${clientsMax} clients; ` : '';
}
