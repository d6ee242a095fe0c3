/** Stored results on disk. */
import { readFileSync } from 'node:fs';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';

/** Throws INPUT_UNREADABLE. */
export function readResultFile(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new OperatingError('INPUT_UNREADABLE', `cannot read ${file}: ${reasonOf(error)}`, {
      hint: 'Give a result written by relaydiff diff --result.',
      cause: error,
    });
  }
}
