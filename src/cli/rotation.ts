/** The options of `record` and `tap` that spread a recording over several files. */
import { InvalidArgumentError, Option } from 'commander';
import type { Rotation } from '../capture/rotating-writer.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { parseBytes } from './options.ts';

export type RotateAt = { readonly bytes: number } | { readonly ms: number };

export interface RotationOptions {
  readonly rotate?: RotateAt;
  readonly keep?: number;
  readonly maxDisk?: number;
}

const SIZE_BYTES: Readonly<Record<string, number>> = { kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };
const TIME_MS: Readonly<Record<string, number>> = { s: 1_000, min: 60_000, h: 3_600_000 };
const PART_BYTES_MIN = 1_048_576;
/** With a limit for the disk only, a file is so much of it: then an eighth is the most that is removed at once. */
const PARTS_ON_DISK = 8;
const KEPT_PARTS_MIN = 2;
const NS_A_MS = 1_000_000n;

/** `256mb`, `1gb` -> bytes (powers of 1024); `30min`, `1h` -> ms. A bare m could be either, so it is neither. */
function parseRotateAt(text: string): RotateAt {
  const match = /^(\d+)(kb|mb|gb|s|min|h)$/i.exec(text);
  const count = Number(match?.[1]);
  const unit = (match?.[2] ?? '').toLowerCase();
  const bytes = SIZE_BYTES[unit];
  const ms = TIME_MS[unit];
  if (bytes !== undefined && count * bytes >= PART_BYTES_MIN) return { bytes: count * bytes };
  if (ms !== undefined && count > 0) return { ms: count * ms };
  throw new InvalidArgumentError('Write a size of at least 1mb or a time: 256mb, 1gb, 30min, 1h.');
}

function parseKeptParts(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= KEPT_PARTS_MIN) return count;
  throw new InvalidArgumentError(
    'Write a whole number of at least 2: one file is always being written.',
  );
}

export function rotateOption(): Option {
  return new Option(
    '--rotate <size|time>',
    'begin another file at this size or time: 256mb, 1gb, 30min, 1h; md.capture becomes md.0001.capture, ...',
  ).argParser(parseRotateAt);
}

export function keepOption(): Option {
  return new Option('--keep <count>', 'of rotated files, keep only the newest').argParser(
    parseKeptParts,
  );
}

export function maxDiskOption(): Option {
  return new Option(
    '--max-disk <size>',
    'remove the oldest rotated files when all together are larger; without --rotate, files are an eighth of it',
  ).argParser(parseBytes);
}

/** Undefined: one file. Throws USAGE. */
export function rotationOf(options: RotationOptions): Rotation | undefined {
  const { rotate, keep, maxDisk } = options;
  if (keep !== undefined && rotate === undefined && maxDisk === undefined) {
    throw new OperatingError('USAGE', '--keep needs --rotate: there is only one file to keep', {
      hint: 'Add --rotate 256mb, or --rotate 1h.',
    });
  }
  if (rotate === undefined && maxDisk === undefined) return undefined;
  if (maxDisk !== undefined && maxDisk < PARTS_ON_DISK * PART_BYTES_MIN) {
    throw new OperatingError('USAGE', '--max-disk is too small', {
      hint: `Give at least ${PARTS_ON_DISK}m.`,
    });
  }
  const sizes = [
    rotate !== undefined && 'bytes' in rotate ? rotate.bytes : undefined,
    maxDisk === undefined ? undefined : Math.floor(maxDisk / PARTS_ON_DISK),
  ].filter((size) => size !== undefined);
  return {
    partBytesMax: sizes.length === 0 ? undefined : Math.min(...sizes),
    partNsMax: rotate !== undefined && 'ms' in rotate ? BigInt(rotate.ms) * NS_A_MS : undefined,
    keptParts: keep,
    diskBytesMax: maxDisk,
  };
}
