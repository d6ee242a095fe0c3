/** `relaydiff golden update`: what would be different if a golden were recorded anew, and with --write, that it is. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { CaptureReader } from '../capture/types.ts';
import type { RedactWork } from '../golden/create.ts';
import { findGoldens, readGolden } from '../golden/golden-files.ts';
import { withRecordedAgain } from '../golden/record-again.ts';
import { type GoldenUpdate, updateGolden } from '../golden/update.ts';
import { EXIT, OperatingError } from '../lib/operating-error.ts';
import { parseRelayCommand } from '../replay/relay-command.ts';
import { DEFAULT_START_MS_MAX, DEFAULT_STOP_MS_MAX } from '../replay/relay-process.ts';
import { renderTerminal } from '../report/terminal.ts';
import { redactOption, redactWorkOf } from './golden-redaction.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { quietOption, schemaOption } from './options.ts';
import { talk, writeOut } from './output.ts';
import { keyFileOption } from './redaction.ts';
import { today } from './rules-files.ts';
import { VERSION } from './version.ts';

interface UpdateCommandOptions {
  readonly in: string;
  readonly from?: string;
  readonly relay?: string;
  readonly newRelay?: string;
  readonly redact?: string;
  readonly keyFile?: string;
  readonly write: boolean;
  readonly schema: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Examples:
  relaydiff golden update split-writes --relay "./old-relay --socket {socket}" --new-relay "./new-relay --socket {socket}"
  relaydiff golden update captures/split-writes --from md.capture --write
  relaydiff golden update split-writes            what its own capture says today: rules may have changed

Exit codes: 0 nothing would change, or it was written; 1 something would change.`;

export function goldenUpdateCommand(): Command {
  return new Command('update')
    .description('show what would change if a golden were recorded anew; with --write, change it')
    .argument('<golden>', 'its directory, or its name')
    .option('--in <directory>', 'where goldens are kept', 'captures')
    .addOption(
      new Option('--from <capture>', 'recording whose old side is the new promise').conflicts([
        'relay',
        'newRelay',
      ]),
    )
    .option('--relay <command>', 'relay to record anew, with {socket} where its socket path goes')
    .option('--new-relay <command>', 'the same for the new side; without it there will be none')
    .addOption(redactOption())
    .addOption(keyFileOption())
    .option('--write', 'change the golden', false)
    .addOption(schemaOption())
    .option('--json', 'print what changes as JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(update);
}

async function update(name: string, options: UpdateCommandOptions): Promise<void> {
  const directory = directoryOf(name, options.in);
  const { capturePath, expected } = readGolden(directory);
  const done = await withCapture(capturePath, async (golden) => {
    const protocol = protocolOf(golden, options.schema);
    const run = (fresh: CaptureReader | undefined, redact?: RedactWork): GoldenUpdate =>
      updateGolden({
        directory,
        fresh,
        redact,
        context: { protocol, today: today() },
        writer: VERSION,
        writes: options.write,
      });
    if (options.from !== undefined) {
      return withCapture(options.from, (fresh) =>
        run(fresh, redactWorkOf(options, protocol, fresh)),
      );
    }
    if (options.redact !== undefined || options.keyFile !== undefined) {
      throw new OperatingError('USAGE', '--redact and --key-file go with --from', {
        hint: 'What else becomes a golden has the values that it has already.',
      });
    }
    if (options.relay === undefined) {
      if (options.newRelay === undefined) return run(undefined);
      throw new OperatingError('USAGE', '--new-relay goes with --relay', {
        hint: 'Both sides of a golden are recorded together.',
      });
    }
    const { relay, newRelay } = options;
    return withRecordedAgain(
      golden,
      {
        command: parseRelayCommand(relay),
        newCommand: newRelay === undefined ? undefined : parseRelayCommand(newRelay),
        domain: expected?.domain ?? 'market_data',
        protocol,
        startMsMax: DEFAULT_START_MS_MAX,
        stopMsMax: DEFAULT_STOP_MS_MAX,
        writer: VERSION,
        onTrouble: (message) => talk(`relaydiff: ${message}`),
      },
      (fresh) => run(fresh),
    );
  });
  await tell(done, options);
  process.exitCode = done.written || done.changes.length === 0 ? EXIT.same : EXIT.different;
}

/** A name is one of a directory in `parent`, if there is none here. */
function directoryOf(name: string, parent: string): string {
  const isHere = statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
  const directory = isHere ? name : join(parent, name);
  const [golden, ...more] = findGoldens([directory]);
  if (golden?.expected !== undefined && more.length === 0) return directory;
  throw new OperatingError('GOLDEN_INVALID', `${directory} is not one golden`, {
    hint: 'Name one; relaydiff golden list shows them.',
  });
}

async function tell(done: GoldenUpdate, options: UpdateCommandOptions): Promise<void> {
  const { path, changes, comparison, written } = done;
  if (options.json) {
    await writeOut(`${JSON.stringify(done)}\n`);
    return;
  }
  if (options.quiet) return;
  if (comparison !== null && comparison.verdict !== 'same') {
    await writeOut(renderTerminal(comparison, { colour: process.stdout.isTTY }));
    await writeOut('\n');
  }
  const lines = changes.map((line) => `  ${line}`);
  const head =
    changes.length === 0
      ? `${path}: nothing changes`
      : written
        ? `${path}: changed`
        : `${path}: would change; --write does it`;
  await writeOut(`${[head, ...lines].join('\n')}\n`);
}
