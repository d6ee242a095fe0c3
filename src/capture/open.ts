/** Opens what a path names: one capture file, or the files of a rotated recording as one capture. */
import { statSync } from 'node:fs';
import { CaptureSet } from './capture-set.ts';
import { findParts } from './part-files.ts';
import { openCaptureFile } from './reader.ts';
import type { CaptureReader } from './types.ts';

/**
 * A path of one file of a set opens that file alone. Throws CAPTURE_NOT_FOUND, CAPTURE_UNREADABLE, NOT_A_CAPTURE,
 * CAPTURE_NEWER, CAPTURE_OLDER or CAPTURE_DAMAGED.
 */
export function openCapture(path: string): CaptureReader {
  const parts = statSync(path, { throwIfNoEntry: false }) === undefined ? findParts(path) : [];
  if (parts.length > 0)
    return openSet(
      path,
      parts.map((part) => part.path),
    );
  const file = openCaptureFile(path);
  return file.info.part === undefined ? file : new CaptureSet(path, [file]);
}

function openSet(path: string, files: readonly string[]): CaptureReader {
  const open: CaptureReader[] = [];
  try {
    for (const file of files) open.push(openCaptureFile(file));
    return new CaptureSet(path, open);
  } catch (error) {
    for (const reader of open) reader.close();
    throw error;
  }
}
