/** `relaydiff report`: render a stored result again. */
import { Command } from 'commander';
import { exitCodeOf } from '../diff/verdict.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { withoutRemarks } from '../report/remarks.ts';
import { parseResult } from '../report/result-json.ts';
import { renderTerminal } from '../report/terminal.ts';
import { htmlOf } from './html.ts';
import { type RemarksChoice, remarksChoiceOption, schemaOption } from './options.ts';
import { writeFile, writeOut } from './output.ts';
import { readResultFile } from './result-file.ts';

interface ReportOptions {
  readonly html?: string;
  readonly remarks: RemarksChoice;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Example:
  relaydiff diff md.capture --result result.json
  relaydiff report result.json --html report.html`;

export function reportCommand(): Command {
  return new Command('report')
    .description('render a result that diff has stored')
    .argument('<file>', 'result, as written by relaydiff diff --result or --json')
    .option('--html <file>', 'write the report as one page that opens from disk')
    .addOption(remarksChoiceOption())
    .addOption(schemaOption())
    .addHelpText('after', EXAMPLE)
    .action(report);
}

async function report(file: string, options: ReportOptions): Promise<void> {
  const stored = parseResult(readResultFile(file), file);
  const result = options.remarks === 'hide' ? withoutRemarks(stored) : stored;
  if (options.html !== undefined)
    writeFile(options.html, htmlOf(result, loadProtocolWith(options.schema)));
  await writeOut(
    renderTerminal(result, {
      colour: process.stdout.isTTY,
      ...(options.html === undefined ? {} : { reportPath: options.html }),
    }),
  );
  process.exitCode = exitCodeOf(result.verdict);
}
