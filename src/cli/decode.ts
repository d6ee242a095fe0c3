/** `relaydiff decode`: raw bytes or hex text as messages. */
import { Command } from 'commander';
import { rawMessages } from '../inspect/messages.ts';
import { parseHex } from '../lib/bytes.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { messageLine } from './message-line.ts';
import { readBytes } from './inputs.ts';
import { DEFAULT_DIALECT, dialectOption, remarksOption, schemaOption } from './options.ts';
import { writeJsonLines, writeLines } from './output.ts';

interface DecodeOptions {
  readonly dialect: string;
  readonly hex: boolean;
  readonly json: boolean;
  readonly remarks: boolean;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Examples:
  echo 'efbeadde 01010200 0000000000000000 0000000000000000 00000000 00000000' | relaydiff decode --hex -
  relaydiff decode --json --dialect torq-types frames.bin`;

export function decodeCommand(): Command {
  return new Command('decode')
    .description('decode raw bytes, or hex text, as a stream of messages')
    .argument('<file>', 'file, or - for standard input')
    .option('--hex', 'the input is hex text; white space is allowed', false)
    .addOption(dialectOption('dialect to read with').default(DEFAULT_DIALECT))
    .addOption(schemaOption())
    .addOption(remarksOption())
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', EXAMPLE)
    .action(decode);
}

async function decode(file: string, options: DecodeOptions): Promise<void> {
  const dialect = loadProtocolWith(options.schema).dialect(options.dialect);
  const chunks = options.hex ? [await readHex(file)] : readBytes(file);
  const records = rawMessages(chunks, dialect, options);
  if (options.json) await writeJsonLines(records);
  else await writeLines(records, (record) => messageLine(record, dialect));
}

async function readHex(file: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readBytes(file)) pieces.push(piece);
  const parsed = parseHex(Buffer.concat(pieces).toString('latin1'));
  if ('bytes' in parsed) return parsed.bytes;
  const name = file === '-' ? 'standard input' : file;
  throw new OperatingError(
    'HEX_INVALID',
    `${name}: ${parsed.error.reason}, at character ${parsed.error.position + 1}`,
    { hint: 'Two hex digits a byte; leave --hex out when the input is raw bytes.' },
  );
}
