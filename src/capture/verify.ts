/**
 * Checks a capture from the pages of SQLite to the seal, and says where it is damaged and where bytes are missing.
 * Whatever the file holds, the answer is a verification. Memory: a row at a time, what is in the journal, and a few
 * numbers a stream.
 */
import { statSync } from 'node:fs';
import { OperatingError } from '../lib/operating-error.ts';
import { digestOf } from './chain.ts';
import { type CaptureDatabase, guarded, newestSchema, openDatabase, schemaOf } from './database.ts';
import { PageImages } from './page-images.ts';
import { findParts } from './part-files.ts';
import { Findings, NO_COUNTS, type OnVerifyProgress, verificationOf } from './verify-findings.ts';
import { RowReader } from './verify-rows.ts';
import { verifySet } from './verify-set.ts';
import { verifySmallRows } from './verify-small-rows.ts';
import { verifyStore } from './verify-store.ts';
import { verifyStreams } from './verify-streams.ts';
import type { Verification } from './verification.ts';
import type { WalContent } from './wal-frames.ts';

const SQLITE_ERRORS_MAX = 100;
/**
 * One verification a file: of a capture, or of each file of a rotated recording and then of the set. What cannot be
 * opened has one as well.
 */
export function* verifyPath(
  path: string,
  onProgress: OnVerifyProgress = () => undefined,
): Generator<Verification> {
  const parts = statSync(path, { throwIfNoEntry: false }) === undefined ? findParts(path) : [];
  if (parts.length === 0) {
    yield verifyCapture(path, onProgress);
    return;
  }
  const verified: Verification[] = [];
  for (const part of parts) {
    const one = verifyCapture(part.path, onProgress);
    verified.push(one);
    yield one;
  }
  yield verifySet(path, verified);
}

export function verifyCapture(
  path: string,
  onProgress: OnVerifyProgress = () => undefined,
): Verification {
  const findings = new Findings();
  let database: CaptureDatabase;
  try {
    checkLog(path, findings);
    database = openDatabase(path);
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    findings.damage({ check: 'file', message: `${error.message} [${error.code}]` });
    const verdict = error.code === 'CAPTURE_DAMAGED' ? 'damaged' : 'unreadable';
    return { ...verificationOf(path, findings), verdict };
  }
  try {
    return new Verifier(path, database, findings, onProgress).run();
  } finally {
    database.close();
  }
}

/** SQLite ends at the first broken frame of its log, and says nothing of it. */
function checkLog(path: string, findings: Findings): void {
  const wal = readLog(path);
  // A recorder may be writing it at this moment.
  if (wal === undefined || JSON.stringify(wal) !== JSON.stringify(readLog(path))) return;
  if (!wal.headerIsTrue) {
    findings.damage({
      check: 'log',
      message: 'the header of the -wal file is damaged: SQLite does not read anything from it',
    });
  }
  for (const { state, index, page } of wal.frames) {
    if (state === 'torn') {
      findings.missing({
        check: 'log',
        row: index + 1,
        message: `the -wal file ends within frame ${index + 1} (page ${page}): the recorder was stopped while it wrote it, or it is damaged; relaydiff recover saves what is true of it`,
      });
    }
    if (state !== 'broken') continue;
    findings.damage({
      check: 'log',
      row: index + 1,
      message: `frame ${index + 1} of the -wal file (page ${page}) is damaged: SQLite does not read it, nor what follows it`,
    });
  }
}

function readLog(path: string): WalContent | undefined {
  const images = new PageImages(path);
  images.close();
  return images.wal;
}

class Verifier {
  readonly #path: string;
  readonly #database: CaptureDatabase;
  readonly #findings: Findings;
  readonly #onProgress: OnVerifyProgress;

  constructor(
    path: string,
    database: CaptureDatabase,
    findings: Findings,
    onProgress: OnVerifyProgress,
  ) {
    this.#path = path;
    this.#database = database;
    this.#findings = findings;
    this.#onProgress = onProgress;
  }

  run(): Verification {
    // A recorder may be writing: everything is checked as it is now.
    this.#attempt('sqlite', () => this.#database.exec('BEGIN'));
    this.#onProgress('checking pages', 0, 1);
    this.#checkPages();
    this.#checkSchema();
    const rows = new RowReader(this.#path, this.#database, this.#findings);
    const small = verifySmallRows(rows, this.#findings);
    const store = verifyStore(rows, this.#findings, this.#onProgress);
    const streams = verifyStreams(rows, { small, store }, this.#findings, this.#onProgress);
    const reachesNs = Math.max(small.reachesNs, streams.reachesNs);
    this.#checkSeal(small.info, reachesNs, streams.counts.journalRows);
    return {
      ...verificationOf(this.#path, this.#findings),
      sealed: small.info.get('sealed') === '1',
      reachesNs: String(reachesNs),
      counts: { ...NO_COUNTS, ...small.counts, ...store.counts, ...streams.counts },
    };
  }

  #checkPages(): void {
    this.#attempt('sqlite', () => {
      const rows = this.#database
        .prepare<[], [string]>(`PRAGMA integrity_check(${SQLITE_ERRORS_MAX})`)
        .raw()
        .all();
      for (const [text] of rows) {
        for (const line of text === 'ok' ? [] : text.split('\n')) {
          this.#findings.damage({ check: 'sqlite', message: `SQLite says: ${line}` });
        }
      }
    });
  }

  #checkSchema(): void {
    this.#attempt('schema', () => {
      const expected = new Set(newestSchema());
      const found = new Set(schemaOf(this.#database));
      const nameOf = (line: string): string => line.split(':')[0] ?? line;
      for (const line of expected) {
        if (found.has(line)) continue;
        this.#findings.damage({
          check: 'schema',
          message: `the schema lacks ${nameOf(line)}, or has it changed`,
        });
      }
      for (const line of found) {
        if (expected.has(line) || [...expected].some((each) => nameOf(each) === nameOf(line)))
          continue;
        this.#findings.damage({
          check: 'schema',
          message: `the schema has ${nameOf(line)}, which no capture has`,
        });
      }
    });
  }

  #checkSeal(info: ReadonlyMap<string, string>, reachesNs: number, journalRows: number): void {
    if (info.get('sealed') !== '1') {
      this.#findings.missing({
        check: 'seal',
        message: `it is not sealed: its recorder was killed, or is still recording. It holds everything up to ${seconds(reachesNs)} of the recording; what happened in the tens of milliseconds after that, and later, is not in it`,
      });
      return;
    }
    if (journalRows > 0) {
      this.#findings.damage({
        check: 'seal',
        table: 'journal',
        message: `it is sealed, but ${journalRows} rows of its journal are left`,
      });
    }
    const stored = info.get('digest');
    const computed = this.#attempt('seal', () => digestOf(this.#database));
    if (stored === undefined) {
      this.#findings.damage({ check: 'seal', message: 'it is sealed, but has no digest' });
    } else if (computed !== stored) {
      this.#findings.damage({
        check: 'seal',
        message: 'its digest is not that of its rows: it was changed after it was sealed',
      });
    }
  }

  #attempt<T>(check: 'sqlite' | 'schema' | 'seal', work: () => T): T | undefined {
    try {
      return guarded(this.#path, work);
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error;
      this.#findings.damage({ check, message: error.message });
      return undefined;
    }
  }
}

function seconds(ns: number): string {
  return `${(ns / 1e9).toFixed(3)} s`;
}
