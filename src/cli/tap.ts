/** `relaydiff tap`: the passive recording. */
import { Command, Option } from 'commander';
import {
  blindSpotsOf,
  NOT_SEEN_NOTE,
  NOT_SEEN_SEPARATOR,
  TAP_ORIGIN,
} from '../capture/blind-spots.ts';
import { formatBytes, formatSeconds } from '../lib/format.ts';
import { Monitor } from '../monitor/monitor.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { DEFAULT_MIRROR_LIMITS } from '../shim/mirror-queue.ts';
import { DEFAULT_SPOOL_LIMITS } from '../shim/recorder.ts';
import { FEED_UNITS, type FeedUnit } from '../shim/tap-cutter.ts';
import { identificationFrame } from '../shim/tap-sockets.ts';
import { Tap, type TapEnd } from '../shim/tap.ts';
import {
  addMonitorOptions,
  type MonitorCommandOptions,
  monitorOptions,
} from './monitor-options.ts';
import {
  DEFAULT_DIALECT,
  dialectOption,
  parseBytes,
  parseDurationMs,
  quietOption,
  schemaOption,
} from './options.ts';
import { sealedWords, tellRecordingEnd } from './recording-end.ts';
import { keepOption, maxDiskOption, type RotateAt, rotateOption, rotationOf } from './rotation.ts';
import { StopRequest } from './stop-request.ts';
import { VERSION } from './version.ts';

interface TapCommandOptions extends MonitorCommandOptions {
  readonly old: string;
  readonly new: string;
  readonly out: string;
  readonly duration?: number;
  readonly feed: FeedUnit;
  readonly identify: boolean;
  readonly dialect: string;
  readonly mirrorBuffer: number;
  readonly spool: number;
  readonly rotate?: RotateAt;
  readonly keep?: number;
  readonly maxDisk?: number;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Example: production stays as it is; a new relay of your own, to which nobody else is connected, hears the same.
  relaydiff tap --old /tmp/torq/market_data.sock --new /tmp/try/market_data.sock --out md.capture
Stop it with Ctrl-C; then: relaydiff diff md.capture --html report.html`;

const BLIND_SPOTS = blindSpotsOf(TAP_ORIGIN);

export function tapCommand(): Command {
  const command = new Command('tap')
    .description(
      'listen to the old relay as one more client, feed what it broadcasts to the new one',
    )
    .requiredOption('--old <path>', 'socket of the old relay; it is only listened to')
    .requiredOption('--new <path>', 'socket of the new relay; nobody else may be connected to it')
    .requiredOption('--out <file>', 'capture to write; must not exist')
    .option('--duration <time>', 'stop after this long (10s, 5m, 1h)', parseDurationMs)
    .addOption(
      new Option('--feed <unit>', 'what is written to the new relay at a time')
        .choices(FEED_UNITS)
        .default('frame'),
    )
    .option(
      '--identify',
      'send the old relay the identification frame of collectors: the only bytes it may ever get',
      false,
    )
    .addOption(dialectOption('numbering of the messages').default(DEFAULT_DIALECT))
    .option(
      '--mirror-buffer <bytes>',
      'what may wait for a slow new relay before whole frames are left out',
      parseBytes,
      DEFAULT_MIRROR_LIMITS.queueBytesMax,
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
    .addOption(schemaOption())
    .option('--json', 'print the summary as JSON on stdout', false);
  return addMonitorOptions(command)
    .addOption(quietOption())
    .addHelpText('after', `${EXAMPLE}\n\n${blindSpotText()}`)
    .action(tap);
}

async function tap(options: TapCommandOptions): Promise<void> {
  const protocol = loadProtocolWith(options.schema);
  const dialect = protocol.dialect(options.dialect);
  const monitor = await Monitor.start(monitorOptions(options));
  const stopped = new StopRequest((line) => monitor.say(line));
  try {
    const startedUnixMs = Date.now();
    const running = await Tap.start({
      relays: { old: options.old, new: options.new },
      out: options.out,
      feed: options.feed,
      identification: options.identify ? identificationFrame(dialect.header) : undefined,
      capture: {
        origin: TAP_ORIGIN,
        writer: VERSION,
        dialect: dialect.name,
        layout: dialect.header,
        notes: {
          old: options.old,
          new: options.new,
          feed: options.feed,
          [NOT_SEEN_NOTE]: BLIND_SPOTS.join(NOT_SEEN_SEPARATOR),
        },
        protocolSchemas: protocol.sources,
      },
      rotation: rotationOf(options),
      mirrorLimits: { queueBytesMax: options.mirrorBuffer },
      spoolLimits: { ...DEFAULT_SPOOL_LIMITS, spoolBytesMax: options.spool },
      onTrouble: (message) => monitor.say(`relaydiff: ${message}`),
    });
    if (!options.quiet) {
      monitor.say(`tapping ${options.old} -> ${options.out}, feeding ${options.new}; Ctrl-C stops`);
      monitor.say(blindSpotText());
    }
    const paths = { old: options.old, new: options.new, out: options.out };
    const { pid } = process;
    monitor.watch({ verb: 'tap', version: VERSION, pid, startedUnixMs, paths }, running);
    await stopped.wait(options.duration);
    const end = await running.stop();
    await monitor.close();
    await tellEnd(end, options);
  } finally {
    await monitor.close();
    stopped.dispose();
  }
}

async function tellEnd(end: TapEnd, options: TapCommandOptions): Promise<void> {
  const { old, new: fresh } = end.streams;
  const isIncomplete = end.subscriptions > 1 || !end.isSubscribed;
  const missed = formatSeconds(BigInt(Math.ceil(end.missedMs)) * 1_000_000n);
  const summary = [
    `tapped ${formatBytes(old.seenBytes)} of the old relay in ${options.out}${sealedWords(end.sealed)}`,
    `  from new ${formatBytes(fresh.seenBytes)}`,
    ...(isIncomplete
      ? [`  NOT HEARD: whatever the old relay broadcast in ${missed}, while the tap was cut off`]
      : []),
    blindSpotText(),
  ];
  await tellRecordingEnd(end, options, { summary, more: { notSeen: BLIND_SPOTS }, isIncomplete });
}

function blindSpotText(): string {
  return ['A tap cannot see:', ...BLIND_SPOTS.map((spot) => `  - ${spot}`)].join('\n');
}
