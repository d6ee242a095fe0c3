/** `relaydiff golden create`: a golden of a recording, or of a part of it. */
import { basename, join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CaptureReader } from '../capture/types.ts';
import { createGolden, type CreatedGolden } from '../golden/create.ts';
import { domainOf } from '../golden/domain-of.ts';
import {
  DEFAULT_REPLAY,
  GOLDEN_DOMAINS,
  type GoldenDomain,
  type GoldenReplay,
  replayName,
} from '../golden/expected.ts';
import { parseReplay } from '../golden/replay-words.ts';
import { type PartRequest, selectPart } from '../golden/select-part.ts';
import { showsWords } from '../golden/shows.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { redactOption, redactWorkOf } from './golden-redaction.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { parseDurationMs, parsePositive, quietOption, schemaOption } from './options.ts';
import { talk, writeOut } from './output.ts';
import { keyFileOption } from './redaction.ts';
import { readRulesFiles, today } from './rules-files.ts';
import { VERSION } from './version.ts';

interface CreateCommandOptions {
  readonly from: string;
  readonly into: string;
  readonly trim?: { readonly fromNs: bigint | undefined; readonly toNs: bigint | undefined };
  readonly clients?: readonly string[];
  readonly firstMessages?: number;
  readonly oldOnly: boolean;
  readonly title?: string;
  readonly summary?: string;
  readonly how?: string;
  readonly domain?: GoldenDomain;
  readonly label: ReadonlyMap<number, string>;
  readonly replay: readonly GoldenReplay[];
  readonly rules?: string;
  readonly redact?: string;
  readonly keyFile?: string;
  readonly schema: readonly string[];
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Examples:
  relaydiff golden create clean --from md.capture
  relaydiff golden create burst --from md.capture --trim 10s..12.5s --clients publisher dashboard-1 \\
    --replay causal:recorded --replay max:frame --title "Bursts of quotes"
  relaydiff golden create desks --from production.capture --redact redact.yaml --key-file redact.key

What is left out is said in the golden. Of what the relays delivered stays what the clients that stay sent.
A replay is MODE:CHUNKING, with @SPEED and /REWRITE where wanted, as in timed:recorded@10/timestamps; with =same
when the new relay loses nothing in it, with =undefined when what it shows depends on its reads.`;

export function goldenCreateCommand(): Command {
  return new Command('create')
    .description('make a golden of a recording, or of a part of it')
    .argument('<name>', 'name of its directory')
    .requiredOption('--from <capture>', 'recording: its old side is the promise')
    .option('--into <directory>', 'where goldens are kept', 'captures')
    .option(
      '--trim <range>',
      'take what clients began to send in this time: 10s..12s, ..2s, 1m..',
      parseRange,
    )
    .option('--clients <name...>', 'take these only: labels or numbers of connections')
    .option('--first-messages <n>', 'take the first n messages of clients', parsePositive)
    .option('--old-only', 'leave the new side out', false)
    .option('--title <text>', 'one line (default: the name)')
    .option('--summary <text>', 'what it is for, for about.md')
    .option('--how <text>', 'how the recording was made, for about.md')
    .addOption(
      new Option('--domain <domain>', 'which relay (default: what the messages say)').choices(
        GOLDEN_DOMAINS,
      ),
    )
    .addOption(
      new Option('--label <id=name>', 'another name for a connection; repeatable')
        .argParser(parseLabel)
        .default(new Map(), 'as recorded'),
    )
    .addOption(
      new Option('--replay <words>', 'how check plays it; repeatable')
        .argParser(parseReplayOption)
        .default([], 'causal:recorded'),
    )
    .option('--rules <file>', 'its rules.yaml (default: one without rules)')
    .addOption(redactOption())
    .addOption(keyFileOption())
    .addOption(schemaOption())
    .option('--json', 'print what was made as JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(async (name: string, options: CreateCommandOptions) => {
      await withCapture(options.from, (capture) => create(capture, name, options));
    });
}

function parseRange(text: string): CreateCommandOptions['trim'] {
  const [from, to, ...more] = text.split('..');
  if (from === undefined || to === undefined || more.length > 0 || from + to === '') {
    throw new InvalidArgumentError('Write two times with .. between them: 10s..12s, ..2s, 1m..');
  }
  const at = (words: string): bigint | undefined =>
    words === '' ? undefined : BigInt(Math.round(parseDurationMs(words) * 1e6));
  const range = { fromNs: at(from), toNs: at(to) };
  if (range.toNs !== undefined && range.toNs <= (range.fromNs ?? 0n)) {
    throw new InvalidArgumentError('The first time must lie before the second.');
  }
  return range;
}

function parseLabel(text: string, before: ReadonlyMap<number, string>): Map<number, string> {
  const [, id, label] = /^(\d+)=(.+)$/s.exec(text) ?? [];
  if (id === undefined || label === undefined) {
    throw new InvalidArgumentError('Write the number of a connection and its name: 3=publisher.');
  }
  return new Map([...before, [Number(id), label]]);
}

function parseReplayOption(text: string, before: readonly GoldenReplay[]): GoldenReplay[] {
  const replay = parseReplay(text);
  if (replay !== undefined) return [...before, replay];
  throw new InvalidArgumentError(
    'Write MODE:CHUNKING, as causal:recorded; with @SPEED, /REWRITE, =same or =undefined.',
  );
}

const NAME = /^[a-z0-9][a-z0-9._-]*$/i;

async function create(
  capture: CaptureReader,
  name: string,
  options: CreateCommandOptions,
): Promise<void> {
  if (!NAME.test(name)) {
    throw new OperatingError('USAGE', `${name} cannot be the name of a golden`, {
      hint: 'Use letters, digits, dots, - and _, and --into for the directory.',
    });
  }
  const protocol = protocolOf(capture, options.schema);
  const dialect = protocol.dialect(capture.info.dialect);
  const directory = join(options.into, name);
  const redact = redactWorkOf(options, protocol, capture);
  const selection = selectPart(capture, requestOf(options), dialect.header);
  const created = createGolden(capture, {
    directory,
    title: options.title ?? name,
    domain: options.domain ?? domainOf(capture, dialect),
    replays: options.replay.length === 0 ? [DEFAULT_REPLAY] : options.replay,
    summary: options.summary,
    how: options.how ?? howWords(name, options),
    selection,
    labels: options.label,
    rules: options.rules === undefined ? undefined : readRulesFiles([options.rules])[0]?.[1],
    redact,
    context: { protocol, today: today() },
    writer: VERSION,
  });
  if (options.json) await writeOut(`${JSON.stringify({ path: directory, ...created })}\n`);
  if (!options.quiet) tell(directory, created, selection?.leftOut ?? []);
}

function requestOf(options: CreateCommandOptions): PartRequest {
  const { clients, trim, firstMessages, oldOnly, redact } = options;
  return {
    clients,
    fromNs: trim?.fromNs,
    toNs: trim?.toNs,
    firstMessages,
    oldOnly,
    hidesLabels: redact !== undefined,
  };
}

function howWords(name: string, options: CreateCommandOptions): string {
  const { from, redact } = options;
  // The name of the recording is one of the texts that are redacted.
  const words = redact === undefined ? basename(from) : `RECORDING --redact ${basename(redact)}`;
  return `\`relaydiff golden create ${name} --from ${words}\`, by relaydiff ${VERSION}.`;
}

function tell(
  directory: string,
  { expected, captureBytes }: CreatedGolden,
  leftOut: readonly string[],
): void {
  const { promise, shows, replays } = expected;
  talk(`${directory}: ${expected.title} (${expected.domain}, ${expected.dialect})`);
  talk(
    `  ${formatCount(promise.clients)} clients sent ${formatBytes(promise.clientBytes)}; old delivered ${formatCount(promise.messages)} messages; capture of ${formatBytes(captureBytes)}`,
  );
  talk(`  old against new: ${shows === null ? 'recorded from one relay' : showsWords(shows)}`);
  talk(`  played by check: ${replays.map(replayName).join(', ')}`);
  for (const words of leftOut) talk(`  ${words}`);
  talk(
    `next: write what it is for into ${join(directory, 'about.md')}, then relaydiff golden verify ${directory}`,
  );
}
