/** What a file is, told by how it begins, where that is sure. */
import { decode } from '@msgpack/msgpack';
import { OperatingError } from '../lib/operating-error.ts';
import { viewOf } from '../wire/header.ts';
import { InputFile } from './input-file.ts';
import { messagePackLength } from './message-pack-length.ts';

export const IMPORT_FORMATS = ['pcapng', 'pcap', 'ndjson', 'msgpack', 'transcript'] as const;
export type ImportFormat = (typeof IMPORT_FORMATS)[number];

const LOOKED_AT_BYTES = 65_536;

/** Throws INPUT_UNREADABLE, or USAGE when it is not sure. */
export function guessFormat(path: string): ImportFormat {
  const input = new InputFile(path);
  try {
    const begin = input.read(0, LOOKED_AT_BYTES);
    const format = byMagic(path, begin) ?? byFirstLine(begin) ?? byFirstValue(begin);
    if (format !== undefined) return format;
  } finally {
    input.close();
  }
  throw new OperatingError('USAGE', `${path} does not tell which format it has`, {
    hint: `Name it with --format: ${IMPORT_FORMATS.join(', ')}.`,
  });
}

function byMagic(path: string, begin: Uint8Array): ImportFormat | undefined {
  if (begin.length < 4) return undefined;
  const text = new TextDecoder('latin1').decode(begin.subarray(0, 15));
  if (text.startsWith('PAR1'))
    throw noInput(path, 'is a Parquet file, which holds messages and not the bytes of streams');
  if (text === 'SQLite format 3') throw noInput(path, 'is an SQLite file, as a capture is');
  switch (viewOf(begin).getUint32(0)) {
    case 0x0a0d0d0a:
      return 'pcapng';
    case 0xa1b2c3d4:
    case 0xd4c3b2a1:
    case 0xa1b23c4d:
    case 0x4d3cb2a1:
      return 'pcap';
    default:
      return undefined;
  }
}

function noInput(path: string, what: string): OperatingError {
  return new OperatingError('USAGE', `${path} ${what}`, {
    hint: `What can be imported: ${IMPORT_FORMATS.join(', ')}.`,
  });
}

/** A transcript may have a first line that is longer than what is looked at. */
function byFirstLine(begin: Uint8Array): ImportFormat | undefined {
  const text = new TextDecoder().decode(begin).trimStart();
  if (!text.startsWith('{')) return undefined;
  if (/^\{\s*"record"\s*:\s*"head"/.test(text)) return 'ndjson';
  return /"implementation"\s*:\s*"(?:original|generic)"/.test(text.slice(0, 1_000))
    ? 'transcript'
    : undefined;
}

function byFirstValue(begin: Uint8Array): ImportFormat | undefined {
  const length = messagePackLength(begin, 0);
  if (typeof length !== 'number' || length > begin.length) return undefined;
  try {
    const value = decode(begin.subarray(0, length));
    const isRecord = typeof value === 'object' && value !== null && 'record' in value;
    return isRecord && value.record === 'head' ? 'msgpack' : undefined;
  } catch {
    return undefined; // It only looked like MessagePack.
  }
}
