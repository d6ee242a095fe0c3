/**
 * Changes a golden: another recording takes the place of its capture, or what it says is measured anew. First everything that
 * would be different is known; only then, and only when it is asked for, the whole new golden takes the place of the old one.
 */
import {
  chmodSync,
  copyFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { openCapture } from '../capture/open.ts';
import { REDACTED_NOTE } from '../capture/redaction-note.ts';
import type { CaptureReader } from '../capture/types.ts';
import { readClients } from '../diff/two-captures/client-digests.ts';
import { matchConnections } from '../diff/two-captures/match-connections.ts';
import type { DiffResult } from '../diff/types.ts';
import { formatCount } from '../lib/format.ts';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';
import { withFacts } from './about.ts';
import { comparePromise, type CompareContext } from './compare.ts';
import { type CreateOptions, type RedactWork, refuseIncomplete, writeCapture } from './create.ts';
import { type Expected, expectedText, goldenInvalid } from './expected.ts';
import {
  ABOUT_FILE,
  CAPTURE_FILE,
  EXPECTED_FILE,
  readGolden,
  readText,
  RULES_FILE,
} from './golden-files.ts';
import { measure } from './measure.ts';
import { showsDifferences, showsWords } from './shows.ts';

const PERMISSION_BITS = 0o7777;

export interface UpdateOptions extends Pick<CreateOptions, 'context' | 'writer'> {
  readonly directory: string;
  /** What the golden is to promise from now on; undefined: what its capture holds. */
  readonly fresh: CaptureReader | undefined;
  /** Of `fresh`; undefined: its values stay what they are. */
  readonly redact: RedactWork | undefined;
  /** Nothing is changed without. */
  readonly writes: boolean;
}

export interface GoldenUpdate {
  readonly format: 'relaydiff-golden-update/1';
  readonly path: string;
  /** Sentences without their full stop; none: it is as it is. */
  readonly changes: readonly string[];
  readonly expected: Expected;
  /** The old promise against the new one; null: the capture stays. */
  readonly comparison: DiffResult | null;
  readonly written: boolean;
}

/**
 * Throws GOLDEN_INVALID, GOLDEN_TOO_LARGE, RULES_INVALID, CAPTURE_UNWRITABLE, OUTPUT_UNWRITABLE, REDACTION_FAILED, and USAGE
 * when values would come into a redacted golden as they are; then the golden is as it was.
 */
export function updateGolden(options: UpdateOptions): GoldenUpdate {
  // A name with a dot at its end is the same directory.
  const directory = resolve(options.directory);
  const golden = readGolden(directory);
  if (options.fresh !== undefined) refuseIncomplete(options.fresh);
  const scratch = makeScratch(options.writes ? dirname(directory) : tmpdir(), basename(directory));
  try {
    const update = prepare(scratch, golden.capturePath, { ...options, directory });
    if (options.writes && update.changes.length > 0) exchange(scratch, directory);
    return { ...update, path: options.directory, written: options.writes };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function prepare(
  scratch: string,
  capturePath: string,
  options: UpdateOptions,
): Omit<GoldenUpdate, 'written' | 'path'> {
  const { directory } = options;
  const { expected: before } = readGolden(directory);
  if (before === undefined) throw goldenInvalid([`${directory} is no golden`]);
  const rules = readText(join(directory, RULES_FILE));
  const about = readText(join(directory, ABOUT_FILE));
  const context = { ...options.context, rules: [[RULES_FILE, rules] as const] };
  const old = openCapture(capturePath);
  try {
    putCapture(scratch, old, options);
    const capture = openCapture(join(scratch, CAPTURE_FILE));
    try {
      const expected = measure(capture, before, context);
      const page = withFacts(about, expected, capture);
      if (page === undefined) {
        throw goldenInvalid([`${join(directory, ABOUT_FILE)} has no place for its facts`]);
      }
      writeFileSync(join(scratch, EXPECTED_FILE), expectedText(expected));
      writeFileSync(join(scratch, RULES_FILE), rules);
      writeFileSync(join(scratch, ABOUT_FILE), page);
      return {
        format: 'relaydiff-golden-update/1',
        changes: [
          ...expectedChanges(before, expected),
          ...(page === about ? [] : ['the facts of about.md are written anew']),
        ],
        expected,
        comparison: options.fresh === undefined ? null : compared(old, capture, context),
      };
    } finally {
      capture.close();
    }
  } finally {
    old.close();
  }
}

function putCapture(
  scratch: string,
  old: CaptureReader,
  { fresh, directory, context, writer, redact }: UpdateOptions,
): void {
  const path = join(scratch, CAPTURE_FILE);
  if (fresh === undefined) {
    copyFileSync(join(directory, CAPTURE_FILE), path);
    return;
  }
  if (redact === undefined) refusePlain(old, fresh);
  writeCapture(path, fresh, {
    selection: undefined,
    // Bytes are compared, so those of the new golden.
    labelsOf: (written) => labelsOf(old, written),
    writer,
    redact,
    context,
  });
}

/** Who keeps a redacted golden does not want to publish a recording by chance. Throws USAGE. */
function refusePlain(old: CaptureReader, fresh: CaptureReader): void {
  const redacted = old.info.notes[REDACTED_NOTE];
  if (redacted === undefined || fresh.info.notes[REDACTED_NOTE] !== undefined) return;
  throw new OperatingError(
    'USAGE',
    `the golden is redacted (${redacted}), and ${fresh.path} is not`,
    { hint: 'Give --redact RULES and --key-file FILE, those that it was made with.' },
  );
}

/** A live recording calls its clients by numbers; who sent the same bytes is who it was. */
function labelsOf(old: CaptureReader, fresh: CaptureReader): ReadonlyMap<number, string> {
  const labels = new Map<number, string>();
  for (const match of matchConnections(readClients(old), readClients(fresh))) {
    if (match.old !== undefined && match.new !== undefined) {
      labels.set(match.new.id, match.old.label);
    }
  }
  return labels;
}

/** Without the rules: they were made for another promise, and what they take is a change as well. */
function compared(old: CaptureReader, fresh: CaptureReader, context: CompareContext): DiffResult {
  const result = comparePromise(old, fresh, { ...context, rules: [] });
  return {
    ...result,
    old: { ...result.old, label: 'the promise as it is' },
    new: { ...result.new, label: 'the promise as it would be' },
  };
}

function expectedChanges(before: Expected, after: Expected): readonly string[] {
  const changes: string[] = [];
  const change = (what: string, was: string, is: string): void => {
    if (was !== is) changes.push(`${what}: ${is}, was ${was}`);
  };
  change('dialect', before.dialect, after.dialect);
  for (const key of ['clients', 'clientBytes', 'messages'] as const) {
    change(`promise.${key}`, formatCount(before.promise[key]), formatCount(after.promise[key]));
  }
  change('promise.digest', before.promise.digest, after.promise.digest);
  if (before.shows === null || after.shows === null) {
    const words = ({ shows }: Expected): string => (shows === null ? 'none' : showsWords(shows));
    change('shows', words(before), words(after));
  } else {
    changes.push(...showsDifferences(before.shows, after.shows).map((line) => `shows: ${line}`));
  }
  return changes;
}

function makeScratch(parent: string, name: string): string {
  try {
    return mkdtempSync(join(parent, `.${name}.`));
  } catch (error) {
    throw unwritable(parent, error);
  }
}

/** Two renames of directories: whoever looks between them finds no golden, never half of one. */
function exchange(fresh: string, directory: string): void {
  const aside = `${fresh}.old`;
  try {
    // A directory for scratch is its owner's alone.
    chmodSync(fresh, statSync(directory).mode & PERMISSION_BITS);
    renameSync(directory, aside);
    try {
      renameSync(fresh, directory);
    } catch (error) {
      renameSync(aside, directory);
      throw error;
    }
    rmSync(aside, { recursive: true, force: true });
  } catch (error) {
    throw unwritable(directory, error);
  }
}

function unwritable(path: string, error: unknown): OperatingError {
  return new OperatingError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${reasonOf(error)}`, {
    hint: 'Check that you may write to it and to the directory that it is in.',
    cause: error,
  });
}
