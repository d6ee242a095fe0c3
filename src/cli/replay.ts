/** `relaydiff replay`: the clients of a capture once more, to another relay. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CaptureReader, Side } from '../capture/types.ts';
import { formatBytes } from '../lib/format.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { parseChunking } from '../replay/chunking.ts';
import { fidelityWords } from '../replay/fidelity.ts';
import { MODES, type Mode } from '../replay/pace.ts';
import { Replay, type ReplayEnd } from '../replay/replay.ts';
import { parseRewrite } from '../replay/rewrite.ts';
import { DEFAULT_PATIENCE_MS, setUpReplay, SPEED_MAX, SPEED_MIN } from '../replay/set-up.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { dialectOption, parseDurationMs, quietOption, schemaOption } from './options.ts';
import { Progress, talk } from './output.ts';
import { sealedWords, tellRecordingEnd } from './recording-end.ts';
import { StopRequest } from './stop-request.ts';
import { VERSION } from './version.ts';

interface ReplayCommandOptions {
  readonly target: readonly string[];
  readonly out: string;
  readonly mode: Mode;
  readonly speed: number;
  readonly maxWait?: number;
  readonly patience: number;
  readonly chunking: string;
  readonly rewrite?: string;
  readonly dialect?: string;
  readonly schema: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Examples:
  relaydiff replay golden.capture --target /tmp/try/md.sock --out replay.capture
  relaydiff diff golden.capture replay.capture

  An old and a new relay at once, whatever the recording; then diff both.capture as any other:
  relaydiff replay golden.capture --target /tmp/old.sock --target /tmp/new.sock --mode max --out both.capture

Exit codes: 0 played; 3 played in part: bytes could not be sent, or it was stopped; 4 the relay was not there or ended.`;

export function replayCommand(): Command {
  return new Command('replay')
    .description('play the clients of a capture to a relay, and record what it answers')
    .argument('<file>', 'capture')
    .addOption(
      new Option('--target <path>', 'socket of the relay; given twice: of an old and of a new one')
        .argParser((path: string, before: readonly string[] | undefined) => [
          ...(before ?? []),
          path,
        ])
        .makeOptionMandatory(),
    )
    .requiredOption('--out <file>', 'capture to write; must not exist')
    .addOption(
      new Option(
        '--mode <mode>',
        'when to send: at the recorded times; when the client has the answers that it had; at once',
      )
        .choices(MODES)
        .default('timed'),
    )
    .option('--speed <factor>', 'how much faster than recorded, 0.1 to 1000', parseSpeed, 1)
    .option(
      '--max-wait <time>',
      'make pauses of everybody that are longer so long',
      parseDurationMs,
    )
    .option(
      '--patience <time>',
      'how long to wait for an answer that was recorded, or for a relay that does not read',
      parseDurationMs,
      DEFAULT_PATIENCE_MS,
    )
    .addOption(
      new Option(
        '--chunking <how>',
        'what is one write: recorded, frame, coalesced, split:SEED or byte',
      )
        .argParser(parseChunkingOption)
        .default('recorded'),
    )
    .addOption(
      new Option(
        '--rewrite <what>',
        'change headers: timestamps, sequence, dialect:NAME; several with commas',
      ).argParser(parseRewriteOption),
    )
    .addOption(dialectOption('read frames with this dialect (default: the one of the recording)'))
    .addOption(schemaOption())
    .option('--json', 'print the summary as JSON on stdout', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(async (file: string, options: ReplayCommandOptions) => {
      await withCapture(file, (capture) => replay(capture, options));
    });
}

function parseSpeed(text: string): number {
  const speed = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  if (speed >= SPEED_MIN && speed <= SPEED_MAX) return speed;
  throw new InvalidArgumentError(`Write a number from ${SPEED_MIN} to ${SPEED_MAX}.`);
}

function parseChunkingOption(text: string): string {
  if (parseChunking(text) !== undefined) return text;
  throw new InvalidArgumentError(
    'Write recorded, frame, coalesced, split:SEED (a number) or byte.',
  );
}

function parseRewriteOption(text: string): string {
  if (parseRewrite(text) !== undefined) return text;
  throw new InvalidArgumentError(
    'Write timestamps, sequence or dialect:NAME, or several of them with commas.',
  );
}

async function replay(capture: CaptureReader, options: ReplayCommandOptions): Promise<void> {
  const targets = targetsOf(options.target);
  const request = { ...options, rewrite: options.rewrite ?? null };
  const setUp = setUpReplay(capture, protocolOf(capture, options.schema), request, {
    targets,
    dialect: options.dialect,
    pauseMsMax: options.maxWait,
    patienceMs: options.patience,
    writer: VERSION,
  });
  const progress = new Progress(options);
  const running = await Replay.start({
    ...setUp,
    out: options.out,
    onTrouble: (message) => talk(`relaydiff: ${message}`),
    onProgress: (played, total) => progress.update('playing', played, total),
  });
  const stopped = new StopRequest(talk);
  if (!options.quiet) {
    const paths = options.target.join(' and ');
    talk(`playing ${capture.path} to ${paths}, ${options.mode}, into ${options.out}; Ctrl-C stops`);
  }
  try {
    void stopped.wait(undefined).then(() => running.stop());
    const end = await running.play();
    progress.done();
    await tellEnd(end, options);
  } finally {
    stopped.dispose();
  }
}

/** The first is the old side. */
function targetsOf(paths: readonly string[]): ReadonlyMap<Side, string> {
  const [old, neu, ...more] = paths;
  if (old === undefined || more.length > 0) {
    throw new OperatingError('USAGE', '--target is given once or twice', {
      hint: 'Once: one relay. Twice: an old and a new one, that are compared afterwards.',
    });
  }
  return new Map<Side, string>([
    ['old', old],
    ...(neu === undefined ? [] : [['new', neu] as const]),
  ]);
}

async function tellEnd(end: ReplayEnd, options: ReplayCommandOptions): Promise<void> {
  const { failure, played, unsentBytes, isStopped, fidelity, ...told } = end;
  const isSilent = played.receivedBytes > 0 && end.receivedBytes === 0;
  const summary = [
    `played ${formatBytes(end.sentBytes)} of ${formatBytes(played.sentBytes)} from ${played.connections} clients in ${(end.elapsedMs / 1e3).toFixed(3)} s; answers in ${options.out}${sealedWords(end.sealed)}`,
    ...fidelityWords(fidelity).map((words) => `  ${words}`),
    ...(isStopped ? ['  STOPPED before everything was played'] : []),
    ...(unsentBytes > 0
      ? [`  NOT SENT: ${formatBytes(unsentBytes)}; the relay had ended the connections`]
      : []),
    ...(isSilent ? ['  NO ANSWER: the relay said nothing, in the recording it did'] : []),
    ...(played.gapBytes > 0
      ? [`  NOT PLAYED: ${formatBytes(played.gapBytes)} that the recording lacks`]
      : []),
  ];
  await tellRecordingEnd(told, options, {
    summary,
    more: { played, unsentBytes, isStopped, fidelity, isSilent },
    isIncomplete: isStopped || unsentBytes > 0 || isSilent || played.gapBytes > 0,
    next: nextOf(options),
  });
  if (failure !== undefined) throw failure;
}

function nextOf({ target, out }: ReplayCommandOptions): string {
  return target.length > 1
    ? `next: relaydiff diff ${out} --html report.html`
    : `next: relaydiff diff <the recording> ${out} --html report.html`;
}
