/** `relaydiff diff`: compare the old and the new side of a capture, or the same side of two. */
import { setFlagsFromString } from 'node:v8';
import { Command, Option } from 'commander';
import type { CaptureReader, Side } from '../capture/types.ts';
import { watchReading } from '../capture/watch-reading.ts';
import { numberingOf } from '../diff/causes/domain-knowledge.ts';
import { diffCapture, type DiffOptions as DiffCaptureOptions } from '../diff/diff-capture.ts';
import type { NoiseModel } from '../diff/noise/model.ts';
import { exitCodeOf } from '../diff/verdict.ts';
import { JoinedCapture } from '../diff/two-captures/joined-capture.ts';
import type { DiffResult } from '../diff/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { checkReportOfDiff } from '../report/check-of-diff.ts';
import { renderTerminal } from '../report/terminal.ts';
import type { Protocol } from '../protocol/load.ts';
import { runFacts, writeCheckReports } from './check-outputs.ts';
import { follow } from './follow.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { readRulesFiles, today } from './rules-files.ts';
import { compileRules } from '../diff/rules/compile-rules.ts';
import { namesOfDialects } from '../diff/rules/protocol-names.ts';
import type { RuleSet } from '../diff/rules/rule.ts';
import type { Dialect } from '../protocol/types.ts';
import { noiseModelOf } from './noise.ts';
import {
  dialectOption,
  parseCount,
  githubOption,
  junitOption,
  markdownOption,
  parseDurationMs,
  quietOption,
  rulesOption,
  type RemarksChoice,
  remarksChoiceOption,
  schemaOption,
} from './options.ts';
import { Progress, writeFile, writeOut } from './output.ts';
import { htmlOf } from './html.ts';

interface DiffOptions {
  readonly dialect?: string;
  readonly oldDialect?: string;
  readonly newDialect?: string;
  readonly secondSide?: Side;
  readonly html?: string;
  readonly result?: string;
  readonly list: number;
  readonly lateAfter?: number;
  readonly json: boolean;
  readonly follow: boolean;
  readonly quiet: boolean;
  readonly remarks?: RemarksChoice;
  readonly noise?: string;
  readonly schema?: readonly string[];
  readonly rules?: readonly string[];
  readonly junit?: string;
  readonly markdown?: string;
  readonly github?: boolean;
}

const DIVERGENCES_LISTED = 10_000;
/** In JUnit and Markdown. */
const DIVERGENCES_TOLD = 50;

const EXAMPLE = `
Examples:
  relaydiff diff md.capture --html report.html
  relaydiff diff md.capture --json | jq .verdict
  relaydiff diff md.capture --rules rules.yaml
  relaydiff diff golden.capture replay.capture     what the old relay of each answered to the same clients
  relaydiff diff md.capture --late-after 50ms
  relaydiff diff md.capture --follow
  relaydiff diff md.capture --junit diff.xml --markdown diff.md

Exit codes: 0 same, 1 divergences, 3 inconclusive: bytes are missing from the capture, or were not mirrored.`;

export function diffCommand(): Command {
  return new Command('diff')
    .description('compare what the old and the new relay sent to each client')
    .argument('<file>', 'capture')
    .argument(
      '[second]',
      "another recording of the same traffic: its old relay's answers are the new side",
    )
    .option('--html <file>', 'write the report as one page that opens from disk')
    .option('--result <file>', 'write the result as JSON, to render again with relaydiff report')
    .option('--json', 'print the result as JSON instead of the summary', false)
    .addOption(junitOption())
    .addOption(markdownOption())
    .addOption(githubOption())
    .option(
      '--follow',
      'compare a recording while it is made, until it is sealed; with --json a line for each look',
      false,
    )
    .option(
      '--list <n>',
      'list at most n divergences; all are counted',
      parseCount,
      DIVERGENCES_LISTED,
    )
    .addOption(rulesOption())
    .option(
      '--late-after <time>',
      'report what new delivers more than this after old, as 50ms (default: only measured)',
      parseDurationMs,
    )
    .addOption(dialectOption('read with this dialect (default: the one of the recording)'))
    .addOption(schemaOption())
    .option('--old-dialect <name>', 'read clients and the old side with this dialect')
    .option(
      '--new-dialect <name>',
      'read the new side with this dialect; messages are compared by meaning',
    )
    .addOption(
      new Option(
        '--second-side <side>',
        "of the second capture: which relay's answers (default: old)",
      ).choices(['old', 'new'] satisfies Side[]),
    )
    .option(
      '--noise <file>',
      'what two instances of old differ in: a capture of them, or a model that relaydiff noise wrote',
    )
    .addOption(remarksChoiceOption())
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(diff);
}

async function diff(file: string, second: string | undefined, options: DiffOptions): Promise<void> {
  const startMs = performance.now();
  const result = options.follow
    ? await followed(file, second, options)
    : await withCapture(file, async (capture) =>
        second === undefined
          ? compareSides(capture, options)
          : withCapture(second, async (other) => compareTwo(capture, other, options)),
      );
  if (options.json) await writeOut(`${JSON.stringify(result)}\n`);
  else if (!options.quiet) {
    await writeOut(
      renderTerminal(result, {
        colour: process.stdout.isTTY,
        ...(options.html === undefined ? {} : { reportPath: options.html }),
      }),
    );
  }
  tellCi(result, options, startMs);
  process.exitCode = exitCodeOf(result.verdict);
}

function tellCi(result: DiffResult, options: DiffOptions, startMs: number): void {
  const { junit, markdown, github = false } = options;
  if (junit === undefined && markdown === undefined && !github) return;
  const report = checkReportOfDiff(result, runFacts(startMs), DIVERGENCES_TOLD);
  writeCheckReports(report, options);
}

async function compareSides(capture: CaptureReader, options: DiffOptions): Promise<DiffResult> {
  return compare(capture, await sidesOptions(capture, options));
}

/** Each capture is read in its own dialect, unless another one is asked for. */
async function compareTwo(
  old: CaptureReader,
  neu: CaptureReader,
  options: DiffOptions,
): Promise<DiffResult> {
  const oldDialect = options.oldDialect ?? options.dialect ?? old.info.dialect;
  const newDialect = options.newDialect ?? options.dialect ?? neu.info.dialect;
  const newSide = options.secondSide ?? 'old';
  const { schema } = options;
  const layouts = {
    old: protocolOf(old, schema).dialect(oldDialect).header,
    new: protocolOf(neu, schema).dialect(newDialect).header,
  };
  growHeapSlowly();
  const joined = new JoinedCapture(old, neu, { layouts, newSide });
  const noise = await noiseOf(options, { old: oldDialect, new: newDialect });
  return compare(joined, { ...options, oldDialect, newDialect, labels: joined.labels, ...noise });
}

async function noiseOf(
  options: DiffOptions,
  dialects: Readonly<Record<Side, string>>,
): Promise<{ readonly noiseModel?: NoiseModel }> {
  if (options.noise === undefined) return {};
  return { noiseModel: await noiseModelOf(options.noise, dialects, options) };
}

interface CompareOptions extends Omit<DiffOptions, 'json' | 'secondSide' | 'follow'> {
  readonly labels?: Readonly<Record<Side, string>>;
  readonly noiseModel?: NoiseModel;
}

/** What compares the two sides of one capture. */
async function sidesOptions(capture: CaptureReader, options: DiffOptions): Promise<CompareOptions> {
  if (options.secondSide !== undefined) {
    throw new OperatingError('USAGE', '--second-side needs a second capture', {
      hint: 'relaydiff diff golden.capture replay.capture --second-side new',
    });
  }
  const dialect = options.dialect ?? capture.info.dialect;
  const dialects = { old: options.oldDialect ?? dialect, new: options.newDialect ?? dialect };
  return { ...options, ...(await noiseOf(options, dialects)) };
}

async function followed(
  file: string,
  second: string | undefined,
  options: DiffOptions,
): Promise<DiffResult> {
  if (second !== undefined) {
    throw new OperatingError('USAGE', '--follow compares the sides of one recording', {
      hint: 'leave out the second capture, or --follow',
    });
  }
  const result = await follow(file, options, async (capture) =>
    comparisonOf(
      capture,
      protocolOf(capture, options.schema),
      await sidesOptions(capture, options),
    ),
  );
  await withCapture(file, (capture) => {
    writeReports(result, protocolOf(capture, options.schema), options);
  });
  return result;
}

function comparisonOf(
  capture: CaptureReader,
  protocol: Protocol,
  options: CompareOptions,
): DiffCaptureOptions {
  const dialect = options.dialect ?? capture.info.dialect;
  const oldDialect = protocol.dialect(options.oldDialect ?? dialect);
  const newDialect = protocol.dialect(options.newDialect ?? dialect);
  return {
    oldDialect,
    newDialect,
    rules: rulesOf(options.rules ?? [], protocol, { old: oldDialect, new: newDialect }),
    divergencesListedMax: options.list,
    lateAfterMs: options.lateAfter,
    numberings: protocol.dialectNames.map((name) => numberingOf(protocol.dialect(name))),
    remarks: options.remarks !== 'hide',
    ...(options.labels && { labels: options.labels }),
    ...(options.noiseModel && { noise: options.noiseModel }),
  };
}

function writeReports(result: DiffResult, protocol: Protocol, options: CompareOptions): void {
  if (options.result !== undefined)
    writeFile(options.result, `${JSON.stringify(result, null, 2)}\n`);
  if (options.html !== undefined) writeFile(options.html, htmlOf(result, protocol));
}

/** A comparison that works in windows stays below 400 MiB with it, for a sixth more time; without it, below 600. */
const HEAP_GROWING_PERCENT = 70;

/** By default V8 lets a heap grow to several times of what is in use before it looks what may go. */
function growHeapSlowly(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
}

/** Also what `demo` does: compares, and writes the files that were asked for. */
export function compare(capture: CaptureReader, options: CompareOptions): DiffResult {
  const protocol = protocolOf(capture, options.schema);
  const progress = new Progress(options);
  const watched = watchReading(capture, (read, total) =>
    progress.update('comparing', Math.min(read, total), total),
  );
  growHeapSlowly();
  const result = diffCapture(watched, comparisonOf(capture, protocol, options));
  writeReports(result, protocol, options);
  progress.done();
  return result;
}

/** undefined: no files were given. Throws RULES_INVALID. */
function rulesOf(
  files: readonly string[],
  protocol: Protocol,
  dialects: { readonly old: Dialect; readonly new: Dialect },
): RuleSet | undefined {
  if (files.length === 0) return undefined;
  const names = namesOfDialects(protocol.dialectNames.map((name) => protocol.dialect(name)));
  return compileRules(readRulesFiles(files), { names, dialects, today: today() });
}
