/** `relaydiff check`: goldens against a relay that was built a minute ago, with one exit code. */
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { openCapture } from '../capture/open.ts';
import type { DiffResult } from '../diff/types.ts';
import { runCheck } from '../golden/check.ts';
import { parseReplay, planCheck, type PlannedCase } from '../golden/check-plan.ts';
import {
  GOLDEN_DOMAINS,
  type GoldenDomain,
  type GoldenReplay,
  replayName,
} from '../golden/expected.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { readSchemaFiles } from '../protocol/files.ts';
import { parseRelayCommand } from '../replay/relay-command.ts';
import { DEFAULT_START_MS_MAX, DEFAULT_STOP_MS_MAX } from '../replay/relay-process.ts';
import type { CheckReport } from '../report/check-report.ts';
import { caseLine, renderCheck } from '../report/check-terminal.ts';
import { checkReportOf } from '../report/check-summary.ts';
import { inert } from '../report/github.ts';
import {
  makeDirectory,
  prepareCheckReports,
  runFacts,
  writeCheckReports,
} from './check-outputs.ts';
import { htmlOf } from './html.ts';
import { protocolOf } from './inputs.ts';
import {
  githubOption,
  junitOption,
  markdownOption,
  parseCount,
  parseDurationMs,
  parsePositive,
  quietOption,
  rulesOption,
  schemaOption,
} from './options.ts';
import { Progress, talk, writeFile, writeOut } from './output.ts';
import { readRulesFiles, today } from './rules-files.ts';
import { StopRequest } from './stop-request.ts';
import { VERSION } from './version.ts';

interface CheckCommandOptions {
  readonly relay: string;
  readonly replay: readonly GoldenReplay[];
  readonly repeat: number;
  readonly jobs: number;
  readonly timeLimit?: number;
  readonly startLimit: number;
  readonly stopLimit: number;
  readonly domain: GoldenDomain;
  readonly rules: readonly string[];
  readonly schema: readonly string[];
  readonly list: number;
  readonly json: boolean;
  readonly junit?: string;
  readonly markdown?: string;
  readonly github: boolean;
  readonly html?: string;
  readonly keep?: string;
  readonly quiet: boolean;
}

const DIVERGENCES_TOLD = 10;

const EXAMPLE = `
Examples:
  relaydiff check captures/ --relay "target/release/market_data_relay --socket {socket}"
  relaydiff check captures/burst --relay "./relay {socket}" --junit check.xml --markdown check.md --github
  relaydiff check golden.capture --relay "sh -c 'exec ./relay \\"$RELAYDIFF_SOCKET\\"'" --repeat 10

Exit codes: 0 every promise is kept; 1 divergences; 3 something could not be judged, or it was stopped; 4 a relay did not
start, ended, hung or did not stop (wins over 1, which wins over 3); 2 wrong usage or input, before anything runs.`;

export function checkCommand(): Command {
  return new Command('check')
    .description('start a relay, play goldens to it, and say whether it answers as they promise')
    .argument('<path...>', 'goldens, directories of goldens, or captures')
    .requiredOption(
      '--relay <command>',
      'starts the relay under test in the foreground; {socket}, {domain} and {dir} are filled in',
    )
    .addOption(
      new Option(
        '--replay <mode:chunking>',
        'instead of what the goldens ask for, as causal:frame; repeatable',
      )
        .argParser(parseReplayOption)
        .default([]),
    )
    .option('--repeat <n>', 'play each case so often, to find what is not stable', parsePositive, 1)
    .option('--jobs <n>', 'cases at a time, each with a relay of its own', parsePositive, 1)
    .option(
      '--time-limit <time>',
      'for one run of a case (default: 60s and twice what the recording takes)',
      parseDurationMs,
    )
    .option(
      '--start-limit <time>',
      'until the relay listens',
      parseDurationMs,
      DEFAULT_START_MS_MAX,
    )
    .option('--stop-limit <time>', 'from SIGTERM to SIGKILL', parseDurationMs, DEFAULT_STOP_MS_MAX)
    .addOption(
      new Option('--domain <domain>', 'of captures that are no goldens')
        .choices(GOLDEN_DOMAINS)
        .default('market_data' satisfies GoldenDomain),
    )
    .addOption(rulesOption())
    .addOption(schemaOption())
    .option(
      '--list <n>',
      'divergences told of each case; all are counted',
      parseCount,
      DIVERGENCES_TOLD,
    )
    .option('--json', 'print the report as JSON on stdout instead of the table', false)
    .addOption(junitOption())
    .addOption(markdownOption())
    .addOption(githubOption())
    .option('--html <directory>', 'write a page for each case that diverges')
    .option('--keep <directory>', 'keep the captures of the replays')
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(check);
}

function parseReplayOption(text: string, before: readonly GoldenReplay[]): readonly GoldenReplay[] {
  const replay = parseReplay(text);
  if (replay !== undefined) return [...before, replay];
  throw new InvalidArgumentError(
    'Write timed, causal or max, a colon, and recorded, frame, coalesced, split:SEED or byte.',
  );
}

async function check(paths: readonly string[], options: CheckCommandOptions): Promise<void> {
  const startMs = performance.now();
  const command = parseRelayCommand(options.relay);
  const schemas = readSchemaFiles(options.schema);
  const plans = planCheck({
    paths,
    replays: options.replay,
    domain: options.domain,
    rules: readRulesFiles(options.rules),
    schemas,
    today: today(),
    limitMs: options.timeLimit,
  });
  for (const directory of [options.html, options.keep]) {
    if (directory !== undefined) makeDirectory(directory);
  }
  prepareCheckReports(options);
  const stop = new AbortController();
  const stopped = new StopRequest(talk, 'still ending the relay; it is killed if it does not go');
  void stopped.wait(undefined).then(() => stop.abort());
  const told = new CaseTeller(plans.length, options);
  const pages = new PageWriter(options);
  try {
    const { cases, facts } = await runCheck(plans, {
      command,
      startMsMax: options.startLimit,
      stopMsMax: options.stopLimit,
      schemas,
      today: today(),
      writer: VERSION,
      jobs: options.jobs,
      repeat: options.repeat,
      divergencesMax: options.list,
      keepIn: options.keep,
      signal: stop.signal,
      onBegin: (plan) => told.begins(plan),
      onCase: ({ told: outcome, result }, plan) => {
        told.ends(caseLine(outcome));
        return result === undefined || outcome.outcome === 'passed'
          ? undefined
          : pages.write(result, plan);
      },
    });
    told.done();
    const run = { ...runFacts(startMs), cases: [...facts] };
    const { relay, repeat } = options;
    await tell(checkReportOf(cases, { relay, repeat }, run), options);
    pages.throwTrouble();
  } finally {
    stopped.dispose();
  }
}

/** On a terminal a bar; elsewhere a line for each case that is done. */
class CaseTeller {
  readonly #total: number;
  readonly #options: CheckCommandOptions;
  readonly #progress: Progress;
  #done = 0;

  constructor(total: number, options: CheckCommandOptions) {
    this.#total = total;
    this.#options = options;
    this.#progress = new Progress({ quiet: options.quiet || !process.stderr.isTTY });
  }

  begins({ name, replay }: PlannedCase): void {
    this.#progress.update(`${name} ${replay.mode}:${replay.chunking}`, this.#done, this.#total);
  }

  ends(line: string): void {
    this.#done += 1;
    this.#progress.update(line, this.#done, this.#total);
    const { quiet, github } = this.#options;
    if (quiet || process.stderr.isTTY) return;
    const counted = `${this.#done}/${this.#total} ${line}`;
    talk(github ? inert(counted) : counted);
  }

  done(): void {
    this.#progress.done();
  }
}

/** A page that cannot be written, on a disk that is full by now, is no reason to play nothing more, nor to tell no verdict. */
class PageWriter {
  readonly #options: CheckCommandOptions;
  #trouble: OperatingError | undefined;

  constructor(options: CheckCommandOptions) {
    this.#options = options;
  }

  /** Its path; undefined: there is none. */
  write(result: DiffResult, plan: PlannedCase): string | undefined {
    const { html, schema } = this.#options;
    if (html === undefined) return undefined;
    const { golden, fileName } = plan;
    const path = join(html, `${fileName}.html`);
    const capture = openCapture(golden.capturePath);
    try {
      writeFile(path, htmlOf(named(result, plan), protocolOf(capture, schema)));
      return path;
    } catch (error) {
      if (!(error instanceof OperatingError) || error.code !== 'OUTPUT_UNWRITABLE') throw error;
      this.#trouble ??= error;
      return undefined;
    } finally {
      capture.close();
    }
  }

  /** Throws the first OUTPUT_UNWRITABLE. */
  throwTrouble(): void {
    if (this.#trouble !== undefined) throw this.#trouble;
  }
}

/** Every golden's capture has the same file name: on a page the case is called what it is called everywhere else. */
function named(result: DiffResult, { name, replay }: PlannedCase): DiffResult {
  return {
    ...result,
    capture: { ...result.capture, name: `${name} ${replayName(replay)}` },
    old: { ...result.old, label: `the promise of ${name}` },
    new: { ...result.new, label: 'the relay under test' },
  };
}

async function tell(report: CheckReport, options: CheckCommandOptions): Promise<void> {
  // The verdict first: nobody shall wait for a run and not see it because a report cannot be written.
  if (options.json) await writeOut(`${JSON.stringify(report)}\n`);
  else if (!options.quiet) {
    const text = renderCheck(report, { colour: process.stdout.isTTY });
    await writeOut(options.github ? text.split('\n').map(inert).join('\n') : text);
  }
  writeCheckReports(report, options);
  process.exitCode = report.exitCode;
}
