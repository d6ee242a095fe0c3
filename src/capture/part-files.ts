/**
 * Names of the files of a rotated recording: `md.capture` stands for `md.0001.capture`, `md.0002.capture` and so
 * on. Only names; what is in the files is the reader's business.
 */
import { readdirSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';

export interface PartFile {
  /** Counts from 1. */
  readonly number: number;
  readonly path: string;
}

const DIGITS = 4;

export function partPath(path: string, number: number): string {
  const extension = extname(path);
  const stem = path.slice(0, path.length - extension.length);
  return `${stem}.${String(number).padStart(DIGITS, '0')}${extension}`;
}

/** The parts of `path` that are there, in order. A directory that cannot be read holds none. */
export function findParts(path: string): readonly PartFile[] {
  const extension = extname(path);
  const stem = basename(path, extension);
  const parts: PartFile[] = [];
  for (const name of namesIn(dirname(path))) {
    if (!name.startsWith(`${stem}.`) || !name.endsWith(extension)) continue;
    const digits = name.slice(stem.length + 1, name.length - extension.length);
    if (digits.length < DIGITS || !/^\d+$/.test(digits)) continue;
    parts.push({ number: Number(digits), path: join(dirname(path), name) });
  }
  return parts.sort((left, right) => left.number - right.number);
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // Whoever opens or creates the file reports it with its name.
  }
}
