/** `relaydiff diff`: compare the old and the new side of a capture. */
import { Command } from 'commander';
import type { CaptureReader } from '../capture/types.ts';
import { watchReading } from '../capture/watch-reading.ts';
import { diffCapture, type DiffOptions as DiffCaptureOptions } from '../diff/diff-capture.ts';
import { exitCodeOf } from '../diff/verdict.ts';
import type { DiffResult } from '../diff/types.ts';
import { renderTerminal } from '../report/terminal.ts';
import type { Protocol } from '../protocol/load.ts';
import { follow } from './follow.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { readRulesFiles, today } from './rules-files.ts';
import { compileRules } from '../diff/rules/compile-rules.ts';
import { namesOfDialects } from '../diff/rules/protocol-names.ts';
import type { RuleSet } from '../diff/rules/rule.ts';
import type { Dialect } from '../protocol/types.ts';
import {
  dialectOption,
  parseCount,
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
  readonly html?: string;
  readonly result?: string;
  readonly list: number;
  readonly json: boolean;
  readonly follow: boolean;
  readonly quiet: boolean;
  readonly remarks?: RemarksChoice;
  readonly schema?: readonly string[];
  readonly rules?: readonly string[];
}

const DIVERGENCES_LISTED = 10_000;

const EXAMPLE = `
Examples:
  relaydiff diff md.capture --html report.html
  relaydiff diff md.capture --json | jq .verdict
  relaydiff diff md.capture --rules rules.yaml
  relaydiff diff md.capture --follow

Exit codes: 0 same, 1 divergences, 3 inconclusive: bytes are missing from the capture, or were not mirrored.`;

export function diffCommand(): Command {
  return new Command('diff')
    .description('compare what the old and the new relay sent to each client')
    .argument('<file>', 'capture')
    .option('--html <file>', 'write the report as one page that opens from disk')
    .option('--result <file>', 'write the result as JSON, to render again with relaydiff report')
    .option('--json', 'print the result as JSON instead of the summary', false)
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
    .addOption(dialectOption('read with this dialect (default: the one of the recording)'))
    .addOption(schemaOption())
    .option('--old-dialect <name>', 'read clients and the old side with this dialect')
    .option(
      '--new-dialect <name>',
      'read the new side with this dialect; messages are compared by meaning',
    )
    .addOption(remarksChoiceOption())
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(diff);
}

async function diff(file: string, options: DiffOptions): Promise<void> {
  const result = options.follow
    ? await followed(file, options)
    : await withCapture(file, (capture) => compare(capture, options));
  if (options.json) await writeOut(`${JSON.stringify(result)}\n`);
  else if (!options.quiet) {
    await writeOut(
      renderTerminal(result, {
        colour: process.stdout.isTTY,
        ...(options.html === undefined ? {} : { reportPath: options.html }),
      }),
    );
  }
  process.exitCode = exitCodeOf(result.verdict);
}

async function followed(file: string, options: DiffOptions): Promise<DiffResult> {
  const result = await follow(file, options, (capture) =>
    comparisonOf(capture, protocolOf(capture, options.schema), options),
  );
  await withCapture(file, (capture) => {
    writeReports(result, protocolOf(capture, options.schema), options);
  });
  return result;
}

type CompareOptions = Omit<DiffOptions, 'json' | 'follow'>;

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
    remarks: options.remarks !== 'hide',
  };
}

function writeReports(result: DiffResult, protocol: Protocol, options: CompareOptions): void {
  if (options.result !== undefined)
    writeFile(options.result, `${JSON.stringify(result, null, 2)}\n`);
  if (options.html !== undefined) writeFile(options.html, htmlOf(result, protocol));
}

/** Also what `demo` does: compares, and writes the files that were asked for. */
export function compare(capture: CaptureReader, options: CompareOptions): DiffResult {
  const protocol = protocolOf(capture, options.schema);
  const progress = new Progress(options);
  const watched = watchReading(capture, (read, total) =>
    progress.update('comparing', Math.min(read, total), total),
  );
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
