/** `relaydiff import`: evidence recorded by others, and captures that were exported, become captures. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { parseTranscripts, writeTranscript } from '../capture/import-transcript.ts';
import { STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import { guessFormat, IMPORT_FORMATS, type ImportFormat } from '../formats/guess-format.ts';
import { isOwnPcapng, parsePcapng } from '../formats/import-pcapng.ts';
import { type Imported, importRecords } from '../formats/import-records.ts';
import { parseUnits } from '../formats/import-units.ts';
import { InputFile, streamBytes } from '../formats/input-file.ts';
import { UNIT_HEADS, type UnitHead } from '../formats/map-units.ts';
import { parseMessagePack } from '../formats/message-pack.ts';
import { parseNdjson } from '../formats/ndjson.ts';
import type { CaptureRecord, Placed } from '../formats/record.ts';
import type { ImportSummary } from '../formats/summaries.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { EXIT, OperatingError, reasonOf } from '../lib/operating-error.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { layoutOf } from './inputs.ts';
import {
  DEFAULT_DIALECT,
  dialectOption,
  parseCount,
  quietOption,
  schemaOption,
} from './options.ts';
import { Progress, talk, writeOut } from './output.ts';
import { VERSION } from './version.ts';

interface ImportOptions {
  readonly format?: ImportFormat;
  readonly out: string;
  readonly case?: readonly string[];
  readonly dialect: string;
  readonly schema: readonly string[];
  readonly keepPartial: boolean;
  readonly relayPid?: number;
  readonly stream: StreamKind;
  readonly unitHead: UnitHead;
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Examples:
  relaydiff import md.msgpack --out md.capture           what export wrote
  sockdump --format pcap --output relay.pcap /tmp/md.sock
  relaydiff import relay.pcap --out relay.capture        what another program recorded
  relaydiff import --format transcript relay-transcripts.ndjson --out captures
  relaydiff diff captures/market_data-split-after-header.capture

Exit codes: 0 all of it, 3 only its beginning (--keep-partial), 2 nothing: the message says where and why.`;

export function importCommand(): Command {
  return new Command('import')
    .description('make captures of what was exported, or of what others recorded')
    .argument('<file>', 'file to import; - for standard input (ndjson, msgpack)')
    .addOption(
      new Option('--format <name>', 'what the file is (default: as it begins)').choices(
        IMPORT_FORMATS,
      ),
    )
    .requiredOption(
      '--out <path>',
      'the new capture, never overwritten; of transcripts, the directory for <relay>-<case>.capture',
    )
    .option('--keep-partial', 'keep what stands before the place where the file breaks off', false)
    .addOption(dialectOption('dialect of what others recorded').default(DEFAULT_DIALECT))
    .addOption(schemaOption())
    .option('--case <name...>', 'of transcripts, only these, named <relay>-<case>')
    .option('--relay-pid <pid>', 'of units with process ids, which one is the relay', parseCount)
    .addOption(
      new Option('--stream <kind>', 'what units of others are that have no direction')
        .choices(STREAM_KINDS)
        .default('old' satisfies StreamKind),
    )
    .addOption(
      new Option('--unit-head <kind>', 'what each unit of others begins with')
        .choices(UNIT_HEADS)
        .default('auto' satisfies UnitHead),
    )
    .option('--json', 'print JSON', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(importFile);
}

async function importFile(file: string, options: ImportOptions): Promise<void> {
  const format = options.format ?? formatOf(file);
  if (format === 'transcript') {
    importTranscripts(file, options);
    return;
  }
  const progress = new Progress(options);
  const size = file === '-' ? 0 : sizeOf(file);
  const onRead = (bytes: number): void => progress.update('reading', bytes, size);
  const imported = await withRecords(format, file, options, onRead, (records) =>
    importRecords(options.out, records, {
      file,
      layoutOf: (capture) => layoutOf(capture, options),
      keepsPartial: options.keepPartial,
      onVerify: (step, done, total) => progress.update(step, done, total),
    }),
  );
  progress.done();
  if (options.json)
    await writeOut(`${JSON.stringify(summaryOf(file, format, options, imported))}\n`);
  else if (!options.quiet) tell(options.out, imported);
  process.exitCode = imported.cutOff === undefined ? EXIT.same : EXIT.inconclusive;
}

function formatOf(file: string): ImportFormat {
  if (file !== '-') return guessFormat(file);
  throw new OperatingError('USAGE', 'standard input does not tell which format it has', {
    hint: 'Name it with --format: ndjson or msgpack.',
  });
}

type Records = AsyncIterable<Placed<CaptureRecord>> | Iterable<Placed<CaptureRecord>>;

async function withRecords<T>(
  format: Exclude<ImportFormat, 'transcript'>,
  file: string,
  options: ImportOptions,
  onRead: (bytes: number) => void,
  work: (records: Records) => Promise<T>,
): Promise<T> {
  if (format === 'ndjson') return work(parseNdjson(streamBytes(file, onRead), file));
  if (format === 'msgpack') return work(parseMessagePack(streamBytes(file, onRead), file));
  if (file === '-') {
    throw new OperatingError('USAGE', `${format} cannot be read from standard input`, {
      hint: 'It is read more than once: name a file.',
    });
  }
  const input = new InputFile(file);
  try {
    const isOwn = format === 'pcapng' && isOwnPcapng(input);
    return await work(
      isOwn ? parsePcapng(input, onRead) : foreignRecords(input, format, options, onRead),
    );
  } finally {
    input.close();
  }
}

function foreignRecords(
  input: InputFile,
  format: 'pcapng' | 'pcap',
  options: ImportOptions,
  onRead: (bytes: number) => void,
): Records {
  const protocol = loadProtocolWith(options.schema);
  const start = {
    writer: VERSION,
    dialect: protocol.dialect(options.dialect).name,
    protocolSchemas: protocol.sources,
    keepsPartial: options.keepPartial,
    unitHead: options.unitHead,
    relayPid: options.relayPid,
    stream: options.stream,
  };
  return parseUnits(input, format, start, onRead);
}

function summaryOf(
  file: string,
  as: ImportSummary['as'],
  { out }: ImportOptions,
  { counts, cutOff, verification }: Imported,
): ImportSummary {
  return {
    format: 'relaydiff-import/1',
    input: file,
    output: out,
    as,
    counts: { ...counts },
    cutOff: cutOff ?? null,
    verdict: verification.verdict === 'whole' ? 'whole' : 'incomplete',
    sealed: verification.sealed,
  };
}

function tell(out: string, { counts, cutOff, verification }: Imported): void {
  const { connections, streams, chunks, bytes, events, gaps } = counts;
  const of = (count: number, what: string): string => `${formatCount(count)} ${what}`;
  talk(
    `${out}: ${of(streams, 'streams')} of ${of(connections, 'connections')}, ${of(chunks, 'chunks')} of ${formatBytes(bytes)}, ${of(events, 'events')}, ${of(gaps, 'gaps')}; verified: ${verification.verdict}`,
  );
  if (cutOff !== undefined) talk(`the rest is missing: ${cutOff}`);
}

function importTranscripts(file: string, options: ImportOptions): void {
  const protocol = loadProtocolWith(options.schema);
  const dialect = protocol.dialect(options.dialect);
  const cases = selectCases(parseTranscripts(readText(file), basename(file)), options.case);
  makeDirectory(options.out);
  for (const transcript of cases) {
    const path = join(options.out, `${transcript.name}.capture`);
    writeTranscript(path, transcript, {
      writer: VERSION,
      startedUnixNs: 0n,
      dialect: dialect.name,
      layout: dialect.header,
      protocolSchemas: protocol.sources,
    });
    if (!options.quiet) talk(path);
  }
  if (!options.quiet) talk(`${cases.length} captures written`);
}

function selectCases<T extends { readonly name: string }>(
  cases: readonly T[],
  names: readonly string[] | undefined,
): readonly T[] {
  if (names === undefined) return cases;
  const known = new Map(cases.map((each) => [each.name, each]));
  return names.map((name) => {
    const found = known.get(name);
    if (found !== undefined) return found;
    throw new OperatingError('USAGE', `there is no case ${name}`, {
      hint: `The file has: ${[...known.keys()].join(', ')}.`,
    });
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatingError('INPUT_UNREADABLE', `cannot read ${file}: ${reasonOf(error)}`, {
      hint: 'Check the path.',
      cause: error,
    });
  }
}

/** 0 when there is none; whoever reads the file says why. */
function sizeOf(file: string): number {
  return existsSync(file) ? statSync(file).size : 0;
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new OperatingError('OUTPUT_UNWRITABLE', `cannot make ${path}: ${reasonOf(error)}`, {
      hint: 'Name a directory that you may write to.',
      cause: error,
    });
  }
}
