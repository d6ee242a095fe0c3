/** `relaydiff encode`: messages as JSON back to bytes. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { Command, Option } from 'commander';
import { CHECKSUM_MODES, type ChecksumMode, messageBytes } from '../inspect/message-bytes.ts';
import { toHex } from '../lib/bytes.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { loadProtocolWith } from '../protocol/files.ts';
import type { Dialect } from '../protocol/types.ts';
import { readBytes } from './inputs.ts';
import { DEFAULT_DIALECT, dialectOption, schemaOption } from './options.ts';
import { writeLines, writeOut } from './output.ts';

interface EncodeOptions {
  readonly dialect: string;
  readonly checksum: ChecksumMode;
  readonly hex: boolean;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Examples:
  relaydiff decode --json frames.bin | relaydiff encode > same.bin
  relaydiff decode --json frames.bin | jq -c '.header.relay_domain = 2' | relaydiff encode --hex`;

export function encodeCommand(): Command {
  return new Command('encode')
    .description('turn messages, one JSON object a line, into bytes')
    .argument('[file]', 'lines as decode --json prints them; - for standard input', '-')
    .addOption(dialectOption('dialect to write in').default(DEFAULT_DIALECT))
    .addOption(
      new Option('--checksum <mode>', 'keep: valid is computed anew, zero and wrong stay')
        .choices(CHECKSUM_MODES)
        .default('keep'),
    )
    .option('--hex', 'hex text, one message a line', false)
    .addOption(schemaOption())
    .addHelpText('after', EXAMPLE)
    .action(encode);
}

async function encode(file: string, options: EncodeOptions): Promise<void> {
  const dialect = loadProtocolWith(options.schema).dialect(options.dialect);
  const messages = encodedLines(file, dialect, options.checksum);
  if (options.hex) await writeLines(messages, toHex);
  else for await (const bytes of messages) await writeOut(bytes);
}

async function* encodedLines(
  file: string,
  dialect: Dialect,
  checksum: ChecksumMode,
): AsyncGenerator<Uint8Array> {
  const lines = createInterface({ input: Readable.from(readBytes(file)), crlfDelay: Infinity });
  let line = 0;
  for await (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    try {
      const bytes = messageBytes(dialect, text, checksum);
      if (bytes.length > 0) yield bytes;
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      const name = file === '-' ? 'standard input' : file;
      throw new OperatingError(error.code, `${name}:${line}: ${error.message}`, {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        cause: error,
      });
    }
  }
}
