/** Opens what a path names: one capture file, or the files of a rotated recording as one capture. */
import { statSync } from 'node:fs';
import { CaptureSet } from './capture-set.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { findParts, type PartFile } from './part-files.ts';
import { openCaptureFile } from './reader.ts';
import type { CaptureReader } from './types.ts';

/** How often the files of a recording are looked up again because it has begun or removed one. */
const OPENINGS_MAX = 10;

/**
 * A path of one file of a set opens that file alone. Throws CAPTURE_NOT_FOUND, CAPTURE_UNREADABLE, NOT_A_CAPTURE,
 * CAPTURE_NEWER, CAPTURE_OLDER or CAPTURE_DAMAGED.
 */
export function openCapture(path: string): CaptureReader {
  const parts = statSync(path, { throwIfNoEntry: false }) === undefined ? findParts(path) : [];
  if (parts.length > 0) return openSet(path, parts);
  const file = openCaptureFile(path);
  return file.info.part === undefined ? file : new CaptureSet(path, [file]);
}

/** A recording may rotate meanwhile: its files are opened until all are there that were, and no other. */
function openSet(path: string, parts: readonly PartFile[]): CaptureReader {
  let listed = parts;
  for (let times = 1; ; times++) {
    const isLast = times === OPENINGS_MAX;
    const set = openListed(path, listed, isLast);
    const now = findParts(path);
    if (set !== undefined && (isLast || now.length === 0 || areSame(listed, now))) return set;
    set?.close();
    listed = now.length === 0 ? listed : now;
  }
}

/** undefined: one of them is not there any more, and that is not to be told yet. */
function openListed(
  path: string,
  parts: readonly PartFile[],
  isLast: boolean,
): CaptureReader | undefined {
  const open: CaptureReader[] = [];
  try {
    for (const part of parts) open.push(openCaptureFile(part.path));
    return new CaptureSet(path, open);
  } catch (error) {
    for (const reader of open) reader.close();
    const isGone = error instanceof OperatingError && error.code === 'CAPTURE_NOT_FOUND';
    if (isGone && !isLast) return undefined;
    throw error;
  }
}

function areSame(some: readonly PartFile[], others: readonly PartFile[]): boolean {
  return some.length === others.length && some.every(({ path }, at) => path === others[at]?.path);
}
