/** `relaydiff import`: evidence recorded by others becomes captures. */
import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import { parseTranscripts, writeTranscript } from '../capture/import-transcript.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { DEFAULT_DIALECT, dialectOption, quietOption, schemaOption } from './options.ts';
import { talk } from './output.ts';
import { VERSION } from './version.ts';

interface ImportOptions {
  readonly format: 'transcript';
  readonly out: string;
  readonly case?: readonly string[];
  readonly dialect: string;
  readonly schema: readonly string[];
  readonly quiet: boolean;
}

const EXAMPLE = `
Example: what the real relays did, one capture a case (old: the original relay, new: the generic one)
  relaydiff import --format transcript relay-transcripts.ndjson --out captures
  relaydiff diff captures/market_data-split-after-header.capture`;

export function importCommand(): Command {
  return new Command('import')
    .description('make captures of what others recorded')
    .argument('<file>', 'file to import')
    .addOption(
      new Option('--format <name>', 'what the file is')
        .choices(['transcript'])
        .makeOptionMandatory(),
    )
    .requiredOption('--out <directory>', 'where to write <relay>-<case>.capture')
    .option('--case <name...>', 'only these, named <relay>-<case>')
    .addOption(dialectOption('dialect that the transcripts speak').default(DEFAULT_DIALECT))
    .addOption(schemaOption())
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(importFile);
}

function importFile(file: string, options: ImportOptions): void {
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
    throw new OperatingError('INPUT_UNREADABLE', `cannot read ${file}: ${String(error)}`, {
      hint: 'Check the path.',
      cause: error,
    });
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw new OperatingError('OUTPUT_UNWRITABLE', `cannot make ${path}: ${String(error)}`, {
      hint: 'Name a directory that you may write to.',
      cause: error,
    });
  }
}
