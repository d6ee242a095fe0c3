/** `relaydiff golden list` and `relaydiff golden verify`: what goldens there are, and whether they are what they say. */
import { statSync } from 'node:fs';
import { Command } from 'commander';
import { replayName } from '../golden/expected.ts';
import { findGoldens, goldenDirectories, isGolden } from '../golden/golden-files.ts';
import { showsWords } from '../golden/shows.ts';
import { type GoldenVerification, verifyGolden } from '../golden/verify-golden.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { EXIT, OperatingError } from '../lib/operating-error.ts';
import { protocolOf } from './inputs.ts';
import { quietOption, schemaOption } from './options.ts';
import { writeOut } from './output.ts';
import { plainTable } from './plain-table.ts';
import { today } from './rules-files.ts';

const DIRECTORY = 'captures';

interface VerifyCommandOptions {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly schema: readonly string[];
}

export function goldenListCommand(): Command {
  return new Command('list')
    .description('what goldens there are')
    .argument('[directory]', 'where they are kept, or one of them', DIRECTORY)
    .option('--json', 'print JSON, one object a golden and line', false)
    .addHelpText('after', '\nExample:\n  relaydiff golden list captures --json | jq .name')
    .action(list);
}

export function goldenVerifyCommand(): Command {
  return new Command('verify')
    .description('check that goldens are what they say: capture, promise, rules, page, size')
    .argument('[directory]', 'where they are kept, or one of them', DIRECTORY)
    .addOption(schemaOption())
    .option('--json', 'print JSON, one object a golden and line', false)
    .addOption(quietOption())
    .addHelpText(
      'after',
      '\nExample:\n  relaydiff golden verify captures\n\nExit codes: 0 all good, 1 one is not what it says, 2 there is none.',
    )
    .action(verify);
}

async function list(directory: string, { json }: { readonly json: boolean }): Promise<void> {
  const goldens = findGoldens([directory]).flatMap(({ name, capturePath, expected }) =>
    expected === undefined ? [] : [{ name, captureBytes: statSync(capturePath).size, ...expected }],
  );
  if (json) {
    for (const { format: _, ...golden } of goldens) {
      await writeOut(`${JSON.stringify({ format: 'relaydiff-golden-list/1', ...golden })}\n`);
    }
    return;
  }
  const rows = goldens.map(({ name, domain, dialect, promise, captureBytes, replays, shows }) => [
    name,
    domain,
    dialect,
    formatCount(promise.clients),
    formatCount(promise.messages),
    formatBytes(captureBytes),
    replays.map(replayName).join(' '),
    shows === null ? '-' : showsWords(shows),
  ]);
  const head = [
    'golden',
    'relay',
    'dialect',
    'clients',
    'messages',
    'size',
    'replays',
    'new shows',
  ];
  await writeOut(`${plainTable(head, ['clients', 'messages', 'size'], rows)}\n`);
}

async function verify(directory: string, options: VerifyCommandOptions): Promise<void> {
  const directories = isGolden(directory) ? [directory] : goldenDirectories(directory);
  if (directories.length === 0) {
    throw new OperatingError('GOLDEN_INVALID', `${directory} is no golden and holds none`, {
      hint: 'relaydiff golden create makes one.',
    });
  }
  const context = {
    protocolOf: (capture: Parameters<typeof protocolOf>[0]) => protocolOf(capture, options.schema),
    today: today(),
  };
  let isBad = false;
  for (const each of directories) {
    const verification = verifyGolden(each, context);
    isBad ||= verification.verdict === 'bad';
    if (options.json) await writeOut(`${JSON.stringify(verification)}\n`);
    else if (!options.quiet || verification.verdict === 'bad') {
      await writeOut(render(verification));
    }
  }
  process.exitCode = isBad ? EXIT.different : EXIT.same;
}

function render({ path, verdict, problems }: GoldenVerification): string {
  const words = verdict === 'good' ? 'good' : 'NOT WHAT IT SAYS';
  const lines = problems.map(({ file, message }) => `  ${file}: ${message}`);
  return `${[`${path}: ${words}`, ...lines].join('\n')}\n`;
}
