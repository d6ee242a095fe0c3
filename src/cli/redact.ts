/** `relaydiff redact`: a capture with other values that shows the same. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { namesOfDialects } from '../diff/rules/protocol-names.ts';
import { formatCount } from '../lib/format.ts';
import { EXIT, OperatingError, reasonOf } from '../lib/operating-error.ts';
import { needsKey, redactCapture } from '../redact/redact-capture.ts';
import type { RedactionReport } from '../redact/redaction-report.ts';
import { readRedaction } from '../redact/redaction-rules.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption, schemaOption } from './options.ts';
import { Progress, talk, writeOut } from './output.ts';
import { plainTable } from './plain-table.ts';
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

const KEY_VARIABLE = 'RELAYDIFF_REDACT_KEY';
/** Fewer bytes could be guessed, and with them every value. */
const KEY_BYTES_MIN = 16;

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
    .option('--key-file <file>', `key of the pseudonyms, ${KEY_BYTES_MIN} bytes or more`)
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
    const names = namesOfDialects(protocol.dialectNames.map((name) => protocol.dialect(name)));
    const { rules } = options;
    const text = rules === undefined ? '' : readText(rules).toString('utf8');
    const redaction = readRedaction(rules ?? 'no rules', text, { names, dialect });
    const progress = new Progress(options);
    const report = redactCapture(capture, {
      out: options.out,
      dialect,
      protocolSchemas: protocol.sources,
      redaction,
      key: needsKey(redaction) ? readKey(options) : undefined,
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

/** Throws INPUT_UNREADABLE. */
function readText(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
      hint: 'Check the path; docs/redaction.md describes rules and keys.',
      cause: error,
    });
  }
}

/** Throws USAGE without a key, and for one that could be guessed. */
function readKey({ keyFile }: RedactCommandOptions): Uint8Array {
  const fromVariable = process.env[KEY_VARIABLE] ?? '';
  if (keyFile === undefined && fromVariable === '') {
    throw new OperatingError('USAGE', 'pseudonyms need a key', {
      hint: `Give --key-file, or set ${KEY_VARIABLE}: head -c 32 /dev/urandom > redact.key`,
    });
  }
  const key = keyFile === undefined ? Buffer.from(fromVariable, 'utf8') : readText(keyFile);
  if (key.length >= KEY_BYTES_MIN) return key;
  throw new OperatingError(
    'USAGE',
    `the key has ${key.length} bytes, ${KEY_BYTES_MIN} are needed`,
    {
      hint: 'Make one: head -c 32 /dev/urandom > redact.key',
    },
  );
}

function render(report: RedactionReport): string {
  const { out, key, attempt, fields, rules, counts } = report;
  const of = (count: number, what: string): string => `${formatCount(count)} ${what}`;
  const pieces = counts.piecesOfMessages + counts.piecesOfFrames + counts.bare;
  const unused = rules.filter(({ values }) => values === 0);
  const lines = [
    `${out}: ${of(counts.frames, 'frames')} and ${of(pieces, 'pieces of frames')} redacted, ${of(counts.texts, 'texts')} replaced; read again: the same frames${key === null ? '' : `; key ${key}`}`,
    ...(attempt > 1
      ? [`values looked like frames: pseudonyms are those of attempt ${attempt}`]
      : []),
    ...(counts.forgotten > 0
      ? [
          `${of(counts.forgotten, 'pieces')} are redacted for themselves: more than can be looked for`,
        ]
      : []),
    ...unused.map(({ id }) => `UNUSED: rule ${id} selected nothing`),
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
