/**
 * Goldens on disk: what a path names, and the files of one golden. Reads expected.json and leaves captures, rules and
 * pages to those who need them.
 */
import { readdirSync, readFileSync, statSync, type Stats } from 'node:fs';
import { basename, extname, join, normalize } from 'node:path';
import { findParts } from '../capture/part-files.ts';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import {
  DEFAULT_REPLAY,
  type Expected,
  goldenInvalid,
  type GoldenReplay,
  parseExpected,
} from './expected.ts';

export const CAPTURE_FILE = 'capture.db';
export const EXPECTED_FILE = 'expected.json';
export const RULES_FILE = 'rules.yaml';
export const ABOUT_FILE = 'about.md';
export const GOLDEN_FILES = [CAPTURE_FILE, EXPECTED_FILE, RULES_FILE, ABOUT_FILE] as const;

/** A golden is looked at by people and kept in a repository for ever. */
export const CAPTURE_BYTES_MAX = 1 << 20;
/** Each of the others. */
const TEXT_BYTES_MAX = 1 << 20;

/** What can be played and compared: a golden, or a capture alone. */
export interface Golden {
  /** Of its directory; of a capture alone, of its file without the extension. */
  readonly name: string;
  readonly capturePath: string;
  readonly replays: readonly GoldenReplay[];
  /** Of a golden: rules.yaml. */
  readonly rulesPath: string | undefined;
  /** undefined: a capture alone, which promises what its old side holds. */
  readonly expected: Expected | undefined;
}

/**
 * A path is a golden, a directory with goldens in it, or a capture. In the order of the paths, and of the names in each;
 * what several paths name is there once. Throws CAPTURE_NOT_FOUND or GOLDEN_INVALID.
 */
export function findGoldens(paths: readonly string[]): readonly Golden[] {
  const found = new Map<string, Golden>();
  for (const path of paths) {
    for (const golden of goldensAt(path)) {
      if (!found.has(golden.capturePath)) found.set(golden.capturePath, golden);
    }
  }
  return [...found.values()];
}

function goldensAt(path: string): readonly Golden[] {
  const stat = statIfThere(path);
  if (stat?.isDirectory() !== true) {
    if (stat === undefined && findParts(path).length === 0) throw notFound(path);
    return [captureAlone(path)];
  }
  if (isGolden(path)) return [readGolden(path)];
  const directories = goldenDirectories(path);
  if (directories.length > 0) return directories.map(readGolden);
  throw new OperatingError('GOLDEN_INVALID', `${path} is no golden and holds none`, {
    hint: `A golden is a directory with ${GOLDEN_FILES.join(', ')}; relaydiff golden create makes one.`,
  });
}

function captureAlone(path: string): Golden {
  return {
    name: basename(path, extname(path)),
    capturePath: path,
    replays: [DEFAULT_REPLAY],
    rulesPath: undefined,
    expected: undefined,
  };
}

/** A directory that was meant as one, whatever it lacks. */
export function isGolden(directory: string): boolean {
  return [CAPTURE_FILE, EXPECTED_FILE].some(
    (name) => statIfThere(join(directory, name)) !== undefined,
  );
}

/** The goldens directly in a directory, by name; what has a dot before it is being made. Throws INPUT_UNREADABLE. */
export function goldenDirectories(directory: string): readonly string[] {
  return namesIn(directory)
    .filter((name) => !name.startsWith('.'))
    .map((name) => join(directory, name))
    .filter((path) => statIfThere(path)?.isDirectory() === true && isGolden(path));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    throw unreadable(directory, error);
  }
}

/** Throws GOLDEN_INVALID when a file is missing or says what it must not, INPUT_UNREADABLE when it cannot be read. */
export function readGolden(directory: string): Golden {
  const missing = GOLDEN_FILES.filter((name) => !isFile(join(directory, name)));
  if (missing.length > 0) {
    throw goldenInvalid(missing.map((name) => `${join(directory, name)} is missing`));
  }
  const expected = readExpected(directory);
  return {
    name: goldenName(directory),
    capturePath: join(directory, CAPTURE_FILE),
    replays: expected.replays,
    rulesPath: join(directory, RULES_FILE),
    expected,
  };
}

export function goldenName(directory: string): string {
  return basename(normalize(directory));
}

/** Throws GOLDEN_INVALID or INPUT_UNREADABLE. */
export function readExpected(directory: string): Expected {
  const path = join(directory, EXPECTED_FILE);
  return parseExpected(readText(path), path);
}

/** Throws INPUT_UNREADABLE, and GOLDEN_INVALID for a file that is longer than a person could have written. */
export function readText(path: string): string {
  const bytes = statIfThere(path)?.size ?? 0;
  if (bytes > TEXT_BYTES_MAX) {
    throw goldenInvalid([`${path} has ${bytes} bytes; at most ${TEXT_BYTES_MAX} are read`]);
  }
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, error);
  }
}

export function isFile(path: string): boolean {
  return statIfThere(path)?.isFile() === true;
}

function statIfThere(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    if (systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw unreadable(path, error);
  }
}

function notFound(path: string): OperatingError {
  return new OperatingError('CAPTURE_NOT_FOUND', `there is no golden and no capture at ${path}`, {
    hint: 'Check the path.',
  });
}

function unreadable(path: string, error: unknown): OperatingError {
  return new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
    hint: 'Check the path and its permissions.',
    cause: error,
  });
}
