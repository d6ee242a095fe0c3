/** `relaydiff messages`: every message of a capture, in order of arrival. */
import { Command, Option } from 'commander';
import { STREAM_KINDS, type StreamKind } from '../capture/types.ts';
import { gapWords } from '../inspect/gaps.ts';
import { capturedMessages } from '../inspect/messages.ts';
import { dialectOf, withCapture } from './inputs.ts';
import { messageLine } from './message-line.ts';
import { dialectOption, parseCount, remarksOption, schemaOption } from './options.ts';
import { writeJsonLines, writeLines } from './output.ts';
import { formatSeconds } from '../lib/format.ts';

interface MessagesOptions {
  readonly dialect?: string;
  readonly connection?: number;
  readonly stream?: StreamKind;
  readonly limit?: number;
  readonly json: boolean;
  readonly remarks: boolean;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Examples:
  relaydiff messages md.capture --stream new --limit 20
  relaydiff messages md.capture --json | jq 'select(.checksum == "wrong")'`;

export function messagesCommand(): Command {
  return new Command('messages')
    .description('the messages of a capture in order of arrival')
    .argument('<file>', 'capture')
    .addOption(dialectOption('read with this dialect (default: the one of the recording)'))
    .option('--connection <id>', 'only this connection', parseCount)
    .addOption(new Option('--stream <kind>', 'only these streams').choices(STREAM_KINDS))
    .option('--limit <n>', 'stop after n messages', parseCount)
    .addOption(schemaOption())
    .addOption(remarksOption())
    .option('--json', 'one JSON object a line', false)
    .addHelpText('after', EXAMPLE)
    .action(messages);
}

async function messages(file: string, options: MessagesOptions): Promise<void> {
  await withCapture(file, async (capture) => {
    const dialect = dialectOf(capture, options);
    const all = capturedMessages(
      capture,
      dialect,
      (stream) =>
        (options.connection === undefined || stream.connection === options.connection) &&
        (options.stream === undefined || stream.kind === options.stream),
      options,
    );
    const records = take(all, options.limit ?? Number.POSITIVE_INFINITY);
    if (options.json) {
      await writeJsonLines(records);
      return;
    }
    await writeLines(records, (record) => {
      const place = `${formatSeconds(record.arrivalNs)}  ${String(record.connection).padStart(3)} ${record.stream.padEnd(6)}`;
      return 'gap' in record
        ? `${place}  GAP at ${record.gap.offset}: ${gapWords(record.gap, dialect)}`
        : `${place}  ${messageLine(record, dialect)}`;
    });
  });
}

function* take<T>(items: Iterable<T>, limit: number): Generator<T> {
  if (limit === 0) return;
  let taken = 0;
  for (const item of items) {
    yield item;
    taken += 1;
    if (taken >= limit) return;
  }
}
