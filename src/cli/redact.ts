/** `relaydiff redact`: a capture with other values that shows the same. */
import { Command } from 'commander';
import { formatCount } from '../lib/format.ts';
import { EXIT } from '../lib/operating-error.ts';
import { redactCapture } from '../redact/redact-capture.ts';
import type { RedactionReport } from '../redact/redaction-report.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption, schemaOption } from './options.ts';
import { Progress, talk, writeOut } from './output.ts';
import { plainTable } from './plain-table.ts';
import { KEY_VARIABLE, keyFileOption, readRedactionFiles, redactionLines } from './redaction.ts';
import { VERSION } from './version.ts';

interface RedactCommandOptions {
  readonly out: string;
  readonly rules?: string;
  readonly keyFile?: string;
  readonly strict: boolean;
  readonly dialect?: string;
  readonly schema: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Example: everything inside of messages becomes a pseudonym, but for what redact.yaml says
  head -c 32 /dev/urandom > redact.key
  relaydiff redact production.capture --out golden.capture --rules redact.yaml --key-file redact.key
  relaydiff diff golden.capture

The key can also stand in ${KEY_VARIABLE}. Who has it can turn pseudonyms back: keep it, or throw it away.
Exit codes: 0 done; 3 with --strict when a rule selected nothing; 2 mistakes in the rules; 4 nothing was written.`;

export function redactCommand(): Command {
  return new Command('redact')
    .description(
      'write a capture with other values, equal where they were equal, that shows the same',
    )
    .argument('<file>', 'capture, or the name of a rotated recording')
    .requiredOption('--out <file>', 'the new capture; never overwritten')
    .option('--rules <file>', 'what to redact, and how (docs/redaction.md)')
    .addOption(keyFileOption())
    .option('--strict', 'exit code 3 when a rule selected nothing', false)
    .addOption(dialectOption('read messages with this dialect (default: the one of the recording)'))
    .addOption(schemaOption())
    .option('--json', 'print what was done as JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(redact);
}

async function redact(file: string, options: RedactCommandOptions): Promise<void> {
  await withCapture(file, async (capture) => {
    const protocol = protocolOf(capture, options.schema);
    const dialect = protocol.dialect(options.dialect ?? capture.info.dialect);
    const { rules, keyFile } = options;
    const files = readRedactionFiles({ rules, keyFile }, protocol, dialect);
    const progress = new Progress(options);
    const report = redactCapture(capture, {
      ...files,
      out: options.out,
      dialect,
      protocolSchemas: protocol.sources,
      writer: VERSION,
      onProgress: (step, done, total) => progress.update(step, done, total),
    });
    progress.done();
    if (options.json) await writeOut(`${JSON.stringify(report)}\n`);
    else if (!options.quiet) await writeOut(render(report));
    const isUnused = report.rules.some(({ values }) => values === 0);
    if (options.strict && isUnused) process.exitCode = EXIT.inconclusive;
    if (!options.quiet) talk(`next: relaydiff verify ${options.out}`);
  });
}

function render(report: RedactionReport): string {
  const { out, fields } = report;
  const [first = '', ...more] = redactionLines(report);
  const lines = [
    `${out}: ${first}`,
    ...more,
    '',
    plainTable(
      ['field', 'what', 'by', 'values'],
      ['values'],
      fields.map(({ path, action, rule, values }) => [
        path,
        action === 'keep' ? 'KEPT' : action,
        rule ?? 'default',
        formatCount(values),
      ]),
    ),
  ];
  return `${lines.join('\n')}\n`;
}
