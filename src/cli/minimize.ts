/** `relaydiff minimize`: the shortest traffic that still shows a divergence. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { redactedNote } from '../capture/redaction-note.ts';
import { REPLAY_ORIGIN } from '../capture/replay-notes.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { CaptureStart } from '../capture/writer.ts';
import type { DiffResult, Divergence } from '../diff/types.ts';
import { compareSides, type CompareContext } from '../golden/compare.ts';
import { GOLDEN_DOMAINS, type GoldenDomain } from '../golden/expected.ts';
import { formatCount } from '../lib/format.ts';
import { EXIT, OperatingError } from '../lib/operating-error.ts';
import { type Fingerprint, fingerprintOf } from '../minimize/fingerprint.ts';
import { type CandidateSize, type Minimized, Minimizer } from '../minimize/minimize.ts';
import { makeMinimizeReport, type MinimizeReport } from '../minimize/minimal-report.ts';
import { readTraffic, type Traffic } from '../minimize/traffic.ts';
import { Trials } from '../minimize/trials.ts';
import { writeMinimal } from '../minimize/write-minimal.ts';
import type { Dialect } from '../protocol/types.ts';
import { parseResult } from '../report/result-json.ts';
import { parseRelayCommand } from '../replay/relay-command.ts';
import { DEFAULT_START_MS_MAX, DEFAULT_STOP_MS_MAX } from '../replay/relay-process.ts';
import { protocolOf, withCapture } from './inputs.ts';
import {
  dialectOption,
  parseDurationMs,
  quietOption,
  rulesOption,
  schemaOption,
} from './options.ts';
import { expectWritable, Progress, talk, writeOut } from './output.ts';
import { plainTable } from './plain-table.ts';
import { readResultFile } from './result-file.ts';
import { readRulesFiles, today } from './rules-files.ts';
import { StopRequest } from './stop-request.ts';
import { VERSION } from './version.ts';

interface MinimizeCommandOptions {
  readonly divergence: string;
  readonly relay: string;
  readonly reference?: string;
  readonly result?: string;
  readonly out?: string;
  readonly domain: GoldenDomain;
  readonly rules: readonly string[];
  readonly timeLimit: number;
  readonly startLimit: number;
  readonly stopLimit: number;
  readonly dialect?: string;
  readonly schema: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

const DEFAULT_TIME_LIMIT_MS = 600_000;

const EXAMPLE = `
Example: what is left of a recording when only the first divergence of its report matters
  relaydiff diff md.capture
  relaydiff minimize md.capture --divergence d1 --relay "target/release/new_relay --socket {socket}" --out small.capture

  The old relay tells exactly what it would have answered to each part; without it the recording's answers are taken:
  relaydiff minimize md.capture --divergence d1 --relay "./new {socket}" --reference "./old {socket}"

Exit codes: 0 nothing more can be left out; 3 the relay does not show it, or not each time, or there was no time to try
everything; 4 the relay did not start.`;

export function minimizeCommand(): Command {
  return new Command('minimize')
    .description('find the shortest traffic for which a relay still shows a divergence')
    .argument('<file>', 'capture of both sides, or of one with --result')
    .requiredOption('--divergence <id>', 'as diff names it (d7), or a group (g2): its first')
    .requiredOption(
      '--relay <command>',
      'starts the new relay in the foreground, anew for each try; {socket}, {domain} and {dir} are filled in',
    )
    .option('--reference <command>', 'starts the old relay: its answers are the promise')
    .option(
      '--result <file>',
      'the stored result that names the divergence (default: diff of the capture)',
    )
    .option('--out <file>', 'capture of what was found; must not exist')
    .addOption(
      new Option('--domain <domain>', 'what {domain} stands for')
        .choices(GOLDEN_DOMAINS)
        .default('market_data' satisfies GoldenDomain),
    )
    .addOption(rulesOption())
    .option('--time-limit <time>', 'for all tries', parseDurationMs, DEFAULT_TIME_LIMIT_MS)
    .option('--start-limit <time>', 'until a relay listens', parseDurationMs, DEFAULT_START_MS_MAX)
    .option('--stop-limit <time>', 'from SIGTERM to SIGKILL', parseDurationMs, DEFAULT_STOP_MS_MAX)
    .addOption(dialectOption('read messages with this dialect (default: the one of the recording)'))
    .addOption(schemaOption())
    .option('--json', 'print what was found as JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(async (file: string, options: MinimizeCommandOptions) => {
      await withCapture(file, (capture) => minimize(capture, options));
    });
}

async function minimize(capture: CaptureReader, options: MinimizeCommandOptions): Promise<void> {
  const search = prepare(capture, options);
  const { target, trials, traffic } = search;
  const wanted = fingerprintOf(target.result, target.divergence);
  const progress = new Progress(options);
  const untilMs = performance.now() + options.timeLimit;
  const stop = new StopRequest(talk, 'the relay is stopped; what was found is tried a last time');
  let isStopped = false;
  const onStop = async (): Promise<void> => {
    await stop.wait(undefined);
    isStopped = true;
    trials.halt();
  };
  void onStop();
  const isOver = (): boolean => isStopped || performance.now() >= untilMs;
  try {
    if (!options.quiet) talk(`looking for: ${target.divergence.detail} (${wanted.cause})`);
    const minimizer = new Minimizer({
      traffic,
      wanted,
      divergence: target.divergence,
      run: (candidate, timing, keeps) => trials.run(candidate, timing, keeps),
      isOver,
      onProgress: (words, size) =>
        progress.say(`try ${trials.count + 1}: ${words}; ${sizeWords(size)}`),
    });
    const found = await minimizer.minimize();
    progress.done();
    await tell(search, options, { wanted, found, flaky: minimizer.flaky, isOver: isOver() });
  } finally {
    progress.done();
    stop.dispose();
    trials.dispose();
  }
}

interface Search {
  readonly source: string;
  readonly dialect: Dialect;
  readonly target: Target;
  readonly traffic: Traffic;
  readonly trials: Trials;
  readonly start: CaptureStart;
}

/** Throws what is wrong with the request before any relay is started. */
function prepare(capture: CaptureReader, options: MinimizeCommandOptions): Search {
  const { out, reference } = options;
  if (out !== undefined && existsSync(out)) {
    throw new OperatingError('CAPTURE_EXISTS', `${out} exists already`, {
      hint: 'Name another file, or remove this one first: relaydiff never overwrites a capture.',
    });
  }
  if (out !== undefined) expectWritable(out);
  const commands = {
    relay: parseRelayCommand(options.relay),
    reference: reference === undefined ? undefined : parseRelayCommand(reference),
  };
  const protocol = protocolOf(capture, options.schema);
  const dialect = protocol.dialect(options.dialect ?? capture.info.dialect);
  const rules = readRulesFiles(options.rules);
  const compare: CompareContext = { protocol, rules, today: today() };
  const target = findTarget(capture, compare, options);
  const traffic = readTraffic(capture, dialect.header);
  const start: CaptureStart = {
    origin: REPLAY_ORIGIN,
    writer: VERSION,
    startedUnixNs: capture.info.startedUnixNs,
    dialect: dialect.name,
    layout: dialect.header,
    notes: {
      source: basename(capture.path),
      minimized: target.divergence.detail,
      ...redactedNote(capture.info.notes),
    },
    protocolSchemas: new Map(protocol.sources),
  };
  const trials = new Trials(traffic, {
    ...commands,
    domain: options.domain,
    startMsMax: options.startLimit,
    stopMsMax: options.stopLimit,
    start,
    compare,
    writer: VERSION,
  });
  return { source: capture.path, dialect, target, traffic, trials, start };
}

interface Outcome {
  readonly wanted: Fingerprint;
  readonly found: Minimized | undefined;
  readonly flaky: number;
  readonly isOver: boolean;
}

async function tell(
  { source, dialect, target, traffic, trials, start }: Search,
  { divergence: id, reference, out, json }: MinimizeCommandOptions,
  { wanted: { kind, cause, subject }, found, flaky, isOver }: Outcome,
): Promise<void> {
  const report = makeMinimizeReport({
    source,
    divergence: { id, kind, cause, subject, detail: target.divergence.detail },
    promise: reference === undefined ? 'recording' : 'reference',
    tries: trials.count,
    flaky,
    out: found === undefined ? null : (out ?? null),
    traffic,
    dialect,
    found,
    isOver,
  });
  // What a long search found is told first, should the capture be impossible to write.
  await writeOut(json ? `${JSON.stringify(report)}\n` : render(report));
  if (found !== undefined && out !== undefined) writeMinimal(out, found.trial, start);
  const isSure = report.verdict === 'minimal' && report.shown?.times === report.shown?.of;
  process.exitCode = isSure ? EXIT.same : EXIT.inconclusive;
}

interface Target {
  readonly result: DiffResult;
  readonly divergence: Divergence;
}

/** Throws USAGE when there is no such divergence. */
function findTarget(
  capture: CaptureReader,
  compare: CompareContext,
  { result: file, divergence: id }: MinimizeCommandOptions,
): Target {
  const hasNew = hasNewSide(capture);
  if (file === undefined && !hasNew) {
    throw new OperatingError('USAGE', `${capture.path} has no new side to be compared with`, {
      hint: 'Play it and compare (relaydiff replay, relaydiff diff --json), then give --result result.json.',
    });
  }
  const result =
    file === undefined ? compareSides(capture, compare) : parseResult(readResultFile(file), file);
  const first = result.groups.find((group) => group.id === id)?.first ?? id;
  const divergence = result.divergences.find((each) => each.id === first);
  if (divergence !== undefined) return { result, divergence };
  const known = result.divergences.slice(0, 5).map((each) => each.id);
  throw new OperatingError('USAGE', `there is no divergence ${id}`, {
    hint:
      known.length === 0
        ? 'Both sides are the same.'
        : `There are ${known.join(', ')}, ...; groups are g1, g2, ...`,
  });
}

/** A relay that was there and said nothing is a side, too. */
function hasNewSide(capture: CaptureReader): boolean {
  if (capture.streams().some(({ kind }) => kind === 'new')) return true;
  for (const { stream } of capture.events()) if (stream === 'new') return true;
  return false;
}

function render(report: MinimizeReport): string {
  const { verdict, divergence, from, to, tries, flaky, shown, timing, promise, out } = report;
  if (to === null) {
    const what = `${divergence.id} (${divergence.kind}, ${divergence.cause})`;
    return verdict === 'unfinished'
      ? `UNFINISHED: there was no time to find a part of the recording that shows ${what}; ${formatCount(tries)} tries\n`
      : `NOT SHOWN: the relay does not show ${what} for any part of the recording, nor for all of it\n`;
  }
  const lines = [
    divergence.detail,
    `${sizeWords(to)}, of ${sizeWords(from)}; ${formatCount(tries)} tries`,
    `shown in ${shown?.times ?? 0} of ${shown?.of ?? 0} tries${timing === 'recorded' ? ', at the recorded times' : ''}${flaky > 0 ? `; FLAKY: ${flaky} candidates showed it once and then not` : ''}`,
    ...(verdict === 'not-minimal' ? ['NOT MINIMAL: there was no time to try everything'] : []),
    ...(promise === 'recording'
      ? ['old: what the recording delivered of these messages; --reference asks the old relay']
      : []),
    '',
    plainTable(
      ['step', 'client', 'message', 'sequence', 'bytes', 'old', 'new'],
      ['step', 'bytes'],
      rowsOf(report),
    ),
    ...(out === null ? [] : ['', `next: relaydiff diff ${out}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function sizeWords({ clients, writes, messages }: CandidateSize): string {
  return `${countOf(messages, 'message')} in ${countOf(writes, 'write')} of ${countOf(clients, 'client')}`;
}

function countOf(count: number, what: string): string {
  return `${formatCount(count)} ${what}${count === 1 ? '' : 's'}`;
}

function rowsOf({ steps }: MinimizeReport): readonly (readonly string[])[] {
  return steps.flatMap(({ kind, client, messages }, index) => {
    const step = String(index + 1);
    if (kind === 'open') return [[step, client, 'connects', '', '', '', '']];
    if (kind === 'leave') return [[step, client, 'leaves', '', '', '', '']];
    return messages.map((message, at) => [
      at === 0 ? step : '',
      at === 0 ? client : '',
      `${message.subject}${PART_WORDS[message.part]}`,
      message.identity?.sequence ?? '',
      String(message.bytes),
      receivers(message.old),
      receivers(message.new),
    ]);
  });
}

const PART_WORDS = { whole: '', begin: ' (begins)', middle: ' (goes on)', end: ' (ends)' } as const;

function receivers(labels: readonly string[]): string {
  return labels.length === 0 ? 'nobody' : labels.join(', ');
}
