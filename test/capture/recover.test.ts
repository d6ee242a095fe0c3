import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { recoverCapture, type RecoverOptions } from '../../src/capture/recover.ts';
import type { Recovery } from '../../src/capture/recovery.ts';
import { RotatingWriter } from '../../src/capture/rotating-writer.ts';
import { verifyCapture, verifyPath } from '../../src/capture/verify.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import { openCapture } from '../../src/capture/open.ts';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { loadProtocolWith } from '../../src/protocol/files.ts';
import {
  damaged,
  damages,
  type RandomCapture,
  randomCaptures,
  readCapture,
  type ReadCapture,
  writeRandomCapture,
  ANY_START,
  codeOf,
} from '../support/captures.ts';
import { H3, testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const OPTIONS: RecoverOptions = { writer: 'test', dialect: 'torq-codec', layoutOf: () => H3 };
const PAGE_BYTES = 8_192;

const TYPICAL: RandomCapture = {
  rounds: 120,
  valueBytes: 255,
  flushEvery: 3,
  gapEvery: 0,
  isSealed: true,
  hasAccounts: true,
};

interface Files {
  readonly input: string;
  readonly output: string;
}

function files(): Files {
  const directory = temporaryDirectory();
  return { input: join(directory, 'in.capture'), output: join(directory, 'out.capture') };
}

/** Contents of a file and of the log beside it, to see that nobody touched them. */
function fingerprint(path: string): string {
  return ['', '-wal', '-shm']
    .map((suffix) => `${path}${suffix}`)
    .map((each) => (existsSync(each) ? readFileSync(each).toString('base64') : 'none'))
    .join('\n');
}

/** Root pages by table. */
function roots(path: string): ReadonlyMap<string, number> {
  const database = new Database(path, { readonly: true });
  try {
    return new Map(
      database
        .prepare<[], [string, number]>('SELECT name, rootpage FROM sqlite_schema')
        .raw()
        .all(),
    );
  } finally {
    database.close();
  }
}

function overwritePage(path: string, page: number, byte = 0): void {
  const bytes = readFileSync(path);
  bytes.fill(byte, (page - 1) * PAGE_BYTES, page * PAGE_BYTES);
  writeFileSync(path, bytes);
}

/** Everything that was recovered was in the original, and every byte of it is recovered or in a gap. */
function expectSubset(recovered: ReadCapture, original: ReadCapture, recovery: Recovery): void {
  for (const [key, chunks] of recovered.streams) {
    const known = new Map((original.streams.get(key) ?? []).map((chunk) => [chunk.offset, chunk]));
    for (const chunk of chunks) expect(chunk).toEqual(known.get(chunk.offset));
  }
  for (const event of recovered.events) expect(original.events).toContainEqual(event);
  for (const account of recovered.accounts) {
    const { connection, stream, seenBytes } = account;
    expect(
      original.accounts.map((each) => [each.connection, each.stream, each.seenBytes]),
    ).toContainEqual([connection, stream, seenBytes]);
  }
  for (const [key, chunks] of original.streams) {
    const [connection = '', stream = ''] = key.split('/');
    const gaps = recovered.gaps.filter(
      (gap) =>
        gap.where === 'recording' && gap.stream === stream && gap.connection === Number(connection),
    );
    const isOpenEnded = gaps.some(({ bytes }) => bytes === 0);
    const isLost = !recovered.streams.has(key);
    if (isOpenEnded || isLost) {
      expect(isLost || recovery.verdict === 'lost' || !recovery.sealed).toBe(true);
      continue;
    }
    const sizeOf = (each: ReadCapture): number =>
      (each.streams.get(key) ?? []).reduce((sum, { hex }) => sum + hex.length / 2, 0);
    const inGaps = (each: readonly { readonly bytes: number }[]): number =>
      each.reduce((sum, { bytes }) => sum + bytes, 0);
    const originalGaps = original.gaps.filter(
      (gap) =>
        gap.where === 'recording' && gap.stream === stream && gap.connection === Number(connection),
    );
    expect([key, sizeOf(recovered) + inGaps(gaps)]).toEqual([
      key,
      sizeOf(original) + inGaps(originalGaps),
    ]);
    expect(chunks.length).toBeGreaterThan(0);
  }
}

/** Recovers, and holds the output and the report against the original. */
function recoverAndCompare(
  { input, output }: Files,
  original: ReadCapture,
  hasLostEnd = false,
): Recovery | undefined {
  const before = fingerprint(input);
  let recovery: Recovery | undefined;
  try {
    recovery = recoverCapture(input, output, OPTIONS);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    expect(['NOT_A_CAPTURE', 'CAPTURE_DAMAGED']).toContain(error.code);
    expect(existsSync(output)).toBe(false);
  }
  expect(fingerprint(input) === before).toBe(true);
  if (recovery === undefined) return undefined;
  const recovered = readCapture(output);
  expectSubset(recovered, original, recovery);
  const { verdict } = verifyCapture(output);
  expect(['whole', 'incomplete']).toContain(verdict);
  if (recovery.verdict === 'lost' && recovered.streams.size > 0) {
    expect(recovered.gaps.some(({ reason }) => reason === 'damaged')).toBe(true);
  }
  // A log that ends early cannot be told from one that was never longer.
  if (recovery.verdict === 'whole' && !hasLostEnd) {
    const withoutCut = recovered.gaps.filter(({ reason }) => reason !== 'cut-off');
    expect({ ...recovered, gaps: withoutCut }).toEqual(original);
  }
  return recovery;
}

describe('recover', () => {
  it('gives back a sealed capture with the proof that nothing is missing', () => {
    const paths = files();
    writeRandomCapture(paths.input, { ...TYPICAL, gapEvery: 7 });
    const recovery = recoverAndCompare(paths, readCapture(paths.input));
    expect(recovery).toMatchObject({ verdict: 'whole', proven: true, damage: { count: 0 } });
    expect(verifyCapture(paths.output).verdict).toBe('incomplete'); // Its gaps are still gaps.
  });

  it('seals what a killed recorder left, its journal and log included, and keeps the doubt about its end', () => {
    const paths = files();
    writeRandomCapture(paths.input, { ...TYPICAL, isSealed: false, hasAccounts: false });
    expect(statSync(`${paths.input}-wal`).size).toBeGreaterThan(0);
    const recovery = recoverAndCompare(paths, readCapture(paths.input));
    expect(recovery).toMatchObject({ verdict: 'whole', proven: false, sealed: false });
    const { gaps } = readCapture(paths.output);
    expect(gaps.map(({ reason, bytes }) => [reason, bytes])).toEqual(
      Array.from({ length: 4 }, () => ['cut-off', 0]),
    );
    expect(readdirSync(join(paths.output, '..')).filter((name) => name.startsWith('out'))).toEqual([
      'out.capture',
    ]);
  });

  it('needs neither the header nor the schema nor any root page to find the rows', () => {
    const original = files();
    writeRandomCapture(original.input, TYPICAL);
    const content = readCapture(original.input);
    const interior = roots(original.input);
    for (const page of [
      1,
      interior.get('block') ?? 0,
      interior.get('sqlite_autoindex_segment_1') ?? 0,
    ]) {
      const paths = files();
      copyFileSync(original.input, paths.input);
      overwritePage(paths.input, page);
      const recovery = recoverAndCompare(paths, content);
      expect([page, recovery?.verdict, recovery?.proven]).toEqual([page, 'whole', true]);
    }
  });

  it('loses with a page what was on it, no more, and says what', () => {
    const original = files();
    writeRandomCapture(original.input, TYPICAL);
    const content = readCapture(original.input);
    const pages = readFileSync(original.input).length / PAGE_BYTES;
    let losses = 0;
    for (let page = 1; page <= pages; page++) {
      const paths = files();
      copyFileSync(original.input, paths.input);
      overwritePage(paths.input, page, page % 2 === 0 ? 0 : 0xa5);
      const recovery = recoverAndCompare(paths, content);
      expect(recovery).toBeDefined();
      losses += recovery?.lost.rangeCount ?? 0;
    }
    expect(losses).toBeGreaterThan(10);
  });

  it('knows from the ledger how much is lost at the end of each stream', () => {
    const paths = files();
    writeRandomCapture(paths.input, TYPICAL);
    const content = readCapture(paths.input);
    const seen = content.accounts.map(({ seenBytes }) => seenBytes);
    overwritePage(paths.input, roots(paths.input).get('segment') ?? 0);
    const recovery = recoverAndCompare(paths, content);
    expect(recovery?.lost.ranges.map(({ bytes }) => bytes)).not.toContain(null);
    expect((recovery?.lost.bytes ?? 0) + (recovery?.recovered.bytes ?? 0)).toBe(
      seen.reduce((sum, bytes) => sum + bytes, 0),
    );
  });

  it('makes diff inconclusive where a part of a stream is lost', () => {
    const paths = files();
    writeRandomCapture(paths.input, TYPICAL);
    const block = new Database(paths.input);
    block.exec('DELETE FROM block WHERE start > 20000 AND start < 30000');
    block.close();
    const recovery = recoverCapture(paths.input, paths.output, OPTIONS);
    expect(recovery.verdict).toBe('lost');
    expect(recovery.lost.ranges.map(({ connection, stream }) => `${connection}/${stream}`)).toEqual(
      expect.arrayContaining(['1/client', '1/old', '2/old', '2/new']),
    );
    const capture = openCapture(paths.output);
    const dialect = loadProtocolWith([]).dialect('torq-codec');
    const result = diffCapture(capture, {
      oldDialect: dialect,
      newDialect: dialect,
      divergencesListedMax: 10,
    });
    capture.close();
    expect(result.counts.gaps.bytes).toBe(recovery.lost.bytes);
    expect(result.verdict).not.toBe('same');
  });

  it('reads a log behind its broken frames, and without its file', () => {
    const original = files();
    writeRandomCapture(original.input, { ...TYPICAL, isSealed: false });
    const content = readCapture(original.input);
    const log = readFileSync(`${original.input}-wal`);
    const frames = Math.floor((log.length - 32) / (PAGE_BYTES + 24));
    for (const at of [
      8,
      20,
      32 + 4,
      32 + 12,
      32 + (PAGE_BYTES + 24) * Math.floor(frames / 2) + 99,
    ]) {
      const paths = files();
      copyFileSync(original.input, paths.input);
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ 0x10;
      writeFileSync(`${paths.input}-wal`, bytes);
      const recovery = recoverAndCompare(paths, content);
      expect(recovery?.damage.count).toBeGreaterThan(0);
      expect([at, (recovery?.recovered.bytes ?? 0) > 50_000]).toEqual([at, true]);
    }
    const alone = files();
    writeFileSync(`${alone.input}-wal`, log);
    expect(recoverAndCompare(alone, content)?.recovered.bytes).toBeGreaterThan(50_000);
  });

  it('goes on from the last checkpoint when the log is gone', () => {
    const paths = files();
    writeRandomCapture(paths.input, { ...TYPICAL, isSealed: false });
    const content = readCapture(paths.input);
    const database = new Database(paths.input);
    database.pragma('wal_checkpoint(PASSIVE)');
    database.close();
    for (const suffix of ['-wal', '-shm']) rmSync(`${paths.input}${suffix}`, { force: true });
    expect(recoverAndCompare(paths, content)?.recovered.chunks).toBeGreaterThan(0);
  });

  it('keeps the place of a file in its rotated recording', () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'md.capture');
    const writer = new RotatingWriter(out, ANY_START, {
      partBytesMax: undefined,
      partNsMax: 10n,
      keptParts: undefined,
      diskBytesMax: undefined,
    });
    writer.addConnection({ id: 1, label: 'a', openedNs: 0n });
    for (let ordinal = 1; ordinal <= 30; ordinal++) {
      const [connection, stream, bytes] = [1, 'client' as const, testFrame(ordinal)];
      const offset = (ordinal - 1) * bytes.length;
      writer.addChunk({ connection, stream, ordinal, timeNs: BigInt(ordinal), offset, bytes });
      writer.flush();
    }
    writer.seal();
    const verdicts = (): Set<string> => new Set([...verifyPath(out)].map(({ verdict }) => verdict));
    expect(verdicts()).toEqual(new Set(['whole']));
    const second = join(directory, 'md.0002.capture');
    const moved = join(directory, 'second');
    copyFileSync(second, moved);
    rmSync(second);
    const missing = [...verifyPath(out)].at(-1);
    expect(missing?.findings.map(({ message }) => message).join('\n')).toMatch(
      /files 2 to 2 of the recording/,
    );
    overwritePage(moved, 1);
    expect(recoverCapture(moved, second, OPTIONS)).toMatchObject({
      verdict: 'whole',
      proven: true,
    });
    expect(verdicts()).toEqual(new Set(['whole']));
    const capture = openCapture(out);
    expect(capture.streams().map(({ bytes }) => bytes)).toEqual([3_000]);
    capture.close();
  });

  it('refuses what is no capture, and never overwrites a file', () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'out.capture');
    const text = join(directory, 'text');
    writeFileSync(text, 'This is no capture, only a text. '.repeat(1_000));
    const foreign = join(directory, 'foreign.db');
    const database = new Database(foreign);
    database.exec(
      "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, b INTEGER); INSERT INTO t VALUES (1, 'x', 2)",
    );
    database.close();
    const empty = join(directory, 'empty');
    writeFileSync(empty, '');
    const hollow = join(directory, 'hollow.capture');
    writeRandomCapture(hollow, TYPICAL);
    writeFileSync(hollow, readFileSync(hollow).fill(0, 2 * PAGE_BYTES));
    mkdirSync(join(directory, 'folder'));
    const of = (name: string): string =>
      codeOf(() => recoverCapture(join(directory, name), out, OPTIONS));
    expect(['text', 'foreign.db', 'empty', 'hollow.capture', 'folder', 'none'].map(of)).toEqual([
      'NOT_A_CAPTURE',
      'NOT_A_CAPTURE',
      'NOT_A_CAPTURE',
      'CAPTURE_DAMAGED',
      'CAPTURE_UNREADABLE',
      'CAPTURE_NOT_FOUND',
    ]);
    expect(existsSync(out)).toBe(false);
    writeFileSync(out, 'precious');
    expect(of('hollow.capture')).toBe('CAPTURE_EXISTS');
    expect(readFileSync(out, 'utf8')).toBe('precious');
  });

  it('leaves nothing behind on a full disk', ({ skip }) => {
    const paths = files();
    writeRandomCapture(paths.input, { ...TYPICAL, rounds: 3_000 });
    const small = temporaryDirectory();
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', small], {
        stdio: 'ignore',
      });
    } catch {
      skip('no tmpfs can be mounted here');
    }
    onTestFinished(() => {
      execFileSync('umount', ['-l', small]);
    });
    const output = join(small, 'out.capture');
    expect(codeOf(() => recoverCapture(paths.input, output, OPTIONS))).toBe('CAPTURE_UNWRITABLE');
    expect(readdirSync(small)).toEqual([]);
  });

  it('never invents a byte, and accounts for every one, whatever happened to the file', () => {
    let losses = 0;
    fc.assert(
      fc.property(
        randomCaptures,
        fc.array(damages, { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        (random, all, isLog) => {
          const paths = files();
          writeRandomCapture(paths.input, random);
          const original = readCapture(paths.input);
          const target = isLog && !random.isSealed ? `${paths.input}-wal` : paths.input;
          writeFileSync(
            target,
            all.reduce((bytes: Uint8Array, damage) => damaged(bytes, damage), readFileSync(target)),
          );
          const recovery = recoverAndCompare(paths, original, isLog && !random.isSealed);
          losses += recovery?.lost.rangeCount ?? 0;
        },
      ),
      { numRuns: 60 },
    );
    expect(losses).toBeGreaterThan(0);
  });
});
