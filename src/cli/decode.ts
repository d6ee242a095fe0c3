/** `relaydiff decode`: raw bytes or hex text as messages. */
import { Command } from 'commander';
import { fileLayout, fileLines, fileRecords } from '../inspect/file-parts.ts';
import { rawMessages } from '../inspect/messages.ts';
import { parseHex } from '../lib/bytes.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import { messageLine } from './message-line.ts';
import { readBytes } from './inputs.ts';
import { DEFAULT_DIALECT, dialectOption, remarksOption, schemaOption } from './options.ts';
import { writeJsonLines, writeLines } from './output.ts';

interface DecodeOptions {
  readonly dialect?: string;
  readonly hex: boolean;
  readonly json: boolean;
  readonly remarks: boolean;
  readonly fileFormat?: string;
  readonly schema: readonly string[];
}

/** The services that write files of pools number venues as libs/types does. */
const FILE_DIALECT = 'torq-types';

const EXAMPLE = `
Examples:
  echo 'efbeadde 01010200 0000000000000000 0000000000000000 00000000 00000000' | relaydiff decode --hex -
  relaydiff decode --json --dialect torq-types frames.bin
  relaydiff decode --file-format auto chain_137_pool_cache.tlv`;

export function decodeCommand(): Command {
  return new Command('decode')
    .description('decode raw bytes, or hex text, as a stream of messages')
    .argument('<file>', 'file, or - for standard input')
    .option('--hex', 'the input is hex text; white space is allowed', false)
    .addOption(
      dialectOption(
        `dialect to read with (default: ${DEFAULT_DIALECT}; ${FILE_DIALECT} for files of pools)`,
      ),
    )
    .option(
      '--file-format <name>',
      'the input is a file of pools: auto, or a name as schema list prints them',
    )
    .addOption(schemaOption())
    .addOption(remarksOption())
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', EXAMPLE)
    .action(decode);
}

async function decode(file: string, options: DecodeOptions): Promise<void> {
  const byDefault = options.fileFormat === undefined ? DEFAULT_DIALECT : FILE_DIALECT;
  const dialect = loadProtocolWith(options.schema).dialect(options.dialect ?? byDefault);
  const chunks = options.hex ? [await readHex(file)] : readBytes(file);
  if (options.fileFormat !== undefined) {
    if (options.remarks)
      throw new OperatingError(
        'USAGE',
        '--remarks is for messages, --file-format for files of pools',
      );
    const bytes = await readWhole(file, chunks);
    const layout = fileLayout(dialect, options.fileFormat, bytes);
    if (options.json) await writeJsonLines(fileRecords(layout, bytes));
    else await writeLines(fileLines(layout, bytes), (line) => line);
    return;
  }
  const records = rawMessages(chunks, dialect, options);
  if (options.json) await writeJsonLines(records);
  else await writeLines(records, (record) => messageLine(record, dialect));
}

/** What no file of pools comes near to; it is held whole. */
const FILE_BYTES_MAX = 64 * 1024 * 1024;

async function readWhole(
  file: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of chunks) {
    pieces.push(piece);
    length += piece.byteLength;
    if (length > FILE_BYTES_MAX)
      throw new OperatingError('FILE_UNRECOGNIZED', `${file} is larger than 64 MiB`, {
        hint: 'Files of pools are small; give the file that the service wrote.',
      });
  }
  return new Uint8Array(Buffer.concat(pieces));
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
