/**
 * Makes a golden of a recording: in a directory beside its place, which is then given its name, so that there is a whole
 * golden or none.
 */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader } from '../capture/types.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';
import { readBuiltInSchemas } from '../protocol/files.ts';
import { schemaName } from '../protocol/schema-source.ts';
import { aboutPage, type AboutText } from './about.ts';
import type { CompareContext } from './compare.ts';
import { copyCapture } from './copy-capture.ts';
import { type Expected, expectedText } from './expected.ts';
import {
  ABOUT_FILE,
  CAPTURE_BYTES_MAX,
  CAPTURE_FILE,
  EXPECTED_FILE,
  RULES_FILE,
} from './golden-files.ts';
import { type GoldenWords, measure } from './measure.ts';
import { neededSchemas } from './needed-schemas.ts';
import { LEFT_OUT_NOTE, SOURCE_NOTE } from './notes.ts';
import type { Selection } from './selection.ts';

/** Makes a capture with other values, `to`, of the one at `from`. */
export type RedactWork = (from: string, to: string) => void;

export interface CreateOptions extends GoldenWords, AboutText {
  /** Of the golden; must not exist. */
  readonly directory: string;
  /** What is taken; undefined: everything as it is. */
  readonly selection: Selection | undefined;
  readonly labels: ReadonlyMap<number, string>;
  /** Text of rules.yaml. */
  readonly rules: string | undefined;
  /** undefined: values stay what they are. */
  readonly redact: RedactWork | undefined;
  readonly context: Omit<CompareContext, 'rules'>;
  /** Version of relaydiff. */
  readonly writer: string;
}

export interface CreatedGolden {
  readonly expected: Expected;
  readonly captureBytes: number;
}

const NO_RULES = `# What is no divergence, or an expected one, when a relay is compared with this golden (docs/rules.md). Nothing is:
# every divergence counts. A rule names what it takes, and says why:
#
# rules:
#   - id: late-stamps
#     reason: 'the new relay stamps when it sends; agreed upon 2026-11-02'
#     action: ignore
#     where: { path: 'header.timestamp' }
rules: []
`;

/**
 * Throws USAGE, GOLDEN_EXISTS, GOLDEN_INVALID when bytes are missing from the recording, GOLDEN_TOO_LARGE, RULES_INVALID,
 * CAPTURE_UNWRITABLE or OUTPUT_UNWRITABLE; then there is nothing where the golden was to be.
 */
export function createGolden(capture: CaptureReader, options: CreateOptions): CreatedGolden {
  const { directory } = options;
  if (isThere(directory)) {
    throw new OperatingError('GOLDEN_EXISTS', `${directory} exists already`, {
      hint: 'Choose another name, or change this golden with relaydiff golden update.',
    });
  }
  refuseNamesForNobody(capture, options);
  if (options.selection === undefined) refuseIncomplete(capture);
  const fresh = join(dirname(directory), `.${basename(directory)}.${process.pid}.tmp`);
  try {
    makeDirectory(fresh);
    const created = fill(fresh, capture, options);
    renameSync(fresh, directory);
    return created;
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (error instanceof OperatingError) throw error;
    throw unwritable(directory, error);
  }
}

/** A name for nobody is a slip of the pen, and the golden would keep the wrong one for good. Throws USAGE. */
function refuseNamesForNobody(
  capture: CaptureReader,
  { labels, selection }: Pick<CreateOptions, 'labels' | 'selection'>,
): void {
  const known = new Set(capture.connections().map(({ id }) => id));
  for (const id of labels.keys()) {
    if (!known.has(id)) {
      throw new OperatingError('USAGE', `${capture.path} has no connection ${id} to be named`, {
        hint: 'relaydiff info lists the connections with their numbers.',
      });
    }
    if (selection?.connections.has(id) === false) {
      throw new OperatingError('USAGE', `connection ${id} is to be named, and is left out`, {
        hint: 'Name connections only that are taken, or take this one, too.',
      });
    }
  }
}

function fill(directory: string, capture: CaptureReader, options: CreateOptions): CreatedGolden {
  const path = join(directory, CAPTURE_FILE);
  const labelsOf = (): CreateOptions['labels'] => options.labels;
  const captureBytes = writeCapture(path, capture, { ...options, labelsOf });
  const rules = options.rules ?? NO_RULES;
  const copy = openCapture(path);
  try {
    const context = { ...options.context, rules: [[RULES_FILE, rules] as const] };
    const expected = measure(copy, options, context);
    writeFileSync(join(directory, EXPECTED_FILE), expectedText(expected));
    writeFileSync(join(directory, RULES_FILE), rules);
    writeFileSync(join(directory, ABOUT_FILE), aboutPage(expected, copy, options));
    return { expected, captureBytes };
  } finally {
    copy.close();
  }
}

export interface WriteOptions
  extends Pick<CreateOptions, 'selection' | 'writer' | 'redact' | 'context'> {
  /** Other names for the connections of what is written, by their number: they are said in the golden as they are. */
  readonly labelsOf: (capture: CaptureReader) => ReadonlyMap<number, string>;
}

/** Throws GOLDEN_TOO_LARGE, CAPTURE_UNWRITABLE, CAPTURE_DAMAGED or REDACTION_FAILED. Returns its size in bytes. */
export function writeCapture(path: string, capture: CaptureReader, options: WriteOptions): number {
  const { selection, redact } = options;
  const { leftOut = [] } = selection ?? {};
  const notes = leftOut.length === 0 ? {} : { [LEFT_OUT_NOTE]: leftOut.join('; ') };
  const source = { [SOURCE_NOTE]: basename(capture.path) };
  if (redact === undefined) {
    put(path, capture, {
      ...options,
      labels: options.labelsOf(capture),
      notes: { ...source, ...notes },
    });
  } else {
    withRedacted(capture, { ...options, redact, notes: source }, (redacted) => {
      const labels = options.labelsOf(redacted);
      put(path, redacted, { ...options, selection: undefined, labels, notes });
    });
  }
  const { size } = statSync(path);
  if (size > CAPTURE_BYTES_MAX) throw tooLarge(size);
  return size;
}

/**
 * Where a golden is kept may be a repository: what is not redacted yet lies elsewhere, also when the program is killed.
 */
function withRedacted(
  capture: CaptureReader,
  options: Omit<PutOptions, 'labels'> & { readonly redact: RedactWork },
  work: (redacted: CaptureReader) => void,
): void {
  const scratch = makeScratch();
  try {
    const [taken, out] = [join(scratch, 'taken.capture'), join(scratch, 'redacted.capture')];
    put(taken, capture, { ...options, labels: new Map() });
    options.redact(taken, out);
    const redacted = openCapture(out);
    try {
      work(redacted);
    } finally {
      redacted.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface PutOptions extends Pick<CreateOptions, 'selection' | 'labels' | 'writer' | 'context'> {
  readonly notes: Readonly<Record<string, string>>;
}

function put(path: string, capture: CaptureReader, options: PutOptions): void {
  const { selection, labels, writer, context, notes } = options;
  copyCapture(capture, {
    path,
    writer,
    layout: context.protocol.dialect(capture.info.dialect).header,
    protocolSchemas: neededSchemas(
      capture.protocolSchemas(),
      capture.info.dialect,
      new Set([...readBuiltInSchemas().keys()].map(schemaName)),
    ),
    selection,
    labels,
    notes,
  });
}

/**
 * A promise with holes can never be kept: every comparison with it would be inconclusive. Throws GOLDEN_INVALID.
 */
export function refuseIncomplete(capture: CaptureReader): void {
  const { info } = capture;
  const gaps = capture.gaps();
  const bytes = gaps.reduce((sum, gap) => sum + gap.bytes, 0);
  const why = !info.sealed
    ? 'it was not sealed, so its end is missing'
    : gaps.length > 0
      ? `${formatCount(bytes)} bytes are in gaps`
      : info.part !== undefined && capture.streams().some(({ firstOffset }) => firstOffset > 0)
        ? 'it is one file of a rotated recording, and what came before is in others'
        : undefined;
  if (why === undefined) return;
  throw new OperatingError('GOLDEN_INVALID', `${capture.path} is no golden as it is: ${why}`, {
    hint: 'Take a part of it that is whole, with --trim FROM..TO, --first-messages N or --old-only; relaydiff info shows the gaps.',
  });
}

function tooLarge(bytes: number): OperatingError {
  return new OperatingError(
    'GOLDEN_TOO_LARGE',
    `its capture would take ${formatBytes(bytes)}; a golden takes ${formatBytes(CAPTURE_BYTES_MAX)} at most`,
    { hint: 'Take less: --trim FROM..TO, --clients NAME…, --first-messages N.' },
  );
}

/** Its owner's alone. */
function makeScratch(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'relaydiff-redact-'));
  } catch (error) {
    const message = `cannot make a directory in ${tmpdir()}: ${String(error)}`;
    throw new OperatingError('OUTPUT_UNWRITABLE', message, {
      hint: 'What is to be redacted lies there meanwhile; set TMPDIR to a directory that you may write to.',
      cause: error,
    });
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw unwritable(path, error);
  }
}

function unwritable(path: string, error: unknown): OperatingError {
  return new OperatingError('OUTPUT_UNWRITABLE', `cannot make ${path}: ${reasonOf(error)}`, {
    hint: 'Name a directory that you may write to, with --into.',
    cause: error,
  });
}
