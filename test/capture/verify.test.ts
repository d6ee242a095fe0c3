import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TABLE_NAMES } from '../../src/capture/table-rows.ts';
import type { Verification } from '../../src/capture/verification.ts';
import { verifyCapture, verifyPath } from '../../src/capture/verify.ts';
import { CaptureWriter } from '../../src/capture/writer.ts';
import {
  damaged,
  damages,
  type RandomCapture,
  randomCaptures,
  writeRandomCapture,
  ANY_START,
} from '../support/captures.ts';
import { testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const TYPICAL: RandomCapture = {
  rounds: 100,
  valueBytes: 66,
  flushEvery: 3,
  gapEvery: 0,
  isSealed: true,
  hasAccounts: true,
};

function messagesOf({ findings }: Verification): string {
  return findings.map(({ message }) => message).join('\n');
}

/** Every row of every table, as SQLite gives it. */
function allRows(path: string): string {
  const database = new Database(path, { readonly: true });
  try {
    return TABLE_NAMES.map((table) =>
      JSON.stringify(database.prepare(`SELECT * FROM ${table} ORDER BY 1`).raw().all()),
    ).join('\n');
  } finally {
    database.close();
  }
}

/** Changes a capture through SQLite, row checksums aside. */
function change(path: string, sql: string): void {
  const database = new Database(path);
  database.pragma('foreign_keys = OFF');
  database.exec(sql);
  database.close();
}

describe('verify', () => {
  it('calls a sealed capture with all its bytes whole, and counts what is in it', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    writeRandomCapture(path, TYPICAL);
    const { verdict, sealed, counts, findings, reachesNs } = verifyCapture(path);
    expect({ verdict, sealed, findings, reachesNs }).toEqual({
      verdict: 'whole',
      sealed: true,
      findings: [],
      reachesNs: '3000000000',
    });
    expect(counts).toMatchObject({
      blockBytes: 10_000,
      journalRows: 0,
      connections: 2,
      streams: 4,
      streamBytes: 40_000,
      chunks: 400,
      events: 2,
      gaps: 0,
      gapBytes: 0,
      accounts: 4,
    });
  });

  it('says how far a file reaches whose recorder was killed, and which bytes are in gaps', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    writeRandomCapture(path, { ...TYPICAL, isSealed: false, gapEvery: 50 });
    const verification = verifyCapture(path);
    expect(verification.verdict).toBe('incomplete');
    expect(verification.counts).toMatchObject({ gaps: 8, gapBytes: 800 });
    expect(messagesOf(verification)).toMatch(/not sealed.*up to 3\.000 s/);
    expect(messagesOf(verification)).toMatch(
      /connection 2, new stream: 100 bytes from 4900 on were not recorded \(spool-full\)/,
    );
  });

  it('names the place of everything that is not as it was written', () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ["UPDATE event SET kind = 'close' WHERE ordinal = 2", /row 2 of table event is not as/],
      [
        "UPDATE capture_info SET value = 'x' WHERE key = 'dialect'",
        /row dialect of table capture_i/,
      ],
      ['DELETE FROM block WHERE start = 300', /300 bytes from 300 on are gone/],
      [
        'DELETE FROM segment WHERE id = 2',
        /segment 3 does not follow the one before it: 1 are gone/,
      ],
      [
        'DELETE FROM segment WHERE id = 2',
        /connection 1, old stream: 3600 bytes from 0 on are neither/,
      ],
      ['DELETE FROM stream WHERE id = 4', /is of stream 4, which is not there/],
      ['DELETE FROM connection WHERE id = 2', /is of connection 2, which is not there/],
      ['DELETE FROM account WHERE stream_id = 1', /digest is not that of its rows/],
      ["DELETE FROM capture_info WHERE key = 'digest'", /sealed, but has no digest/],
      ["DELETE FROM capture_info WHERE key = 'writer'", /does not say its writer/],
      ['DROP VIEW stream_summary', /schema lacks view stream_summary/],
      ['CREATE TABLE mine (x)', /schema has table mine/],
    ];
    const original = join(temporaryDirectory(), 'a.capture');
    writeRandomCapture(original, TYPICAL);
    for (const [sql, expected] of cases) {
      const path = join(temporaryDirectory(), 'b.capture');
      copyFileSync(original, path);
      change(path, sql);
      const verification = verifyCapture(path);
      expect([sql, verification.verdict]).toEqual([sql, 'damaged']);
      expect(messagesOf(verification)).toMatch(expected);
    }
  });

  it('holds the ledger against the streams', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const writer = CaptureWriter.create(path, ANY_START);
    writer.addConnection({ id: 1, label: 'a', openedNs: 0n });
    const stream = { connection: 1, stream: 'client' } as const;
    writer.addChunk({ ...stream, ordinal: 1, timeNs: 1n, offset: 0, bytes: testFrame(1) });
    writer.addChunk({ ...stream, ordinal: 2, timeNs: 2n, offset: 150, bytes: testFrame(2) });
    const uncounted = { frames: undefined, firstHeader: undefined, lastHeader: undefined };
    const gap = { ...uncounted, firstTimeNs: 1n, lastTimeNs: 2n };
    writer.addGap({ ...stream, where: 'recording', reason: 'x', offset: 100, bytes: 60, ...gap });
    writer.addGap({ ...stream, where: 'mirror', reason: 'x', offset: 0, bytes: 10, ...gap });
    writer.addAccount({ ...stream, seenBytes: 260, mirroredBytes: 245 });
    writer.seal();
    const verification = verifyCapture(path);
    expect(verification.verdict).toBe('damaged');
    const messages = messagesOf(verification);
    expect(messages).toMatch(/client stream: 10 bytes from 150 on are there twice/);
    expect(messages).toMatch(/260 bytes passed, but recorded bytes and gaps end at 250/);
    expect(messages).toMatch(
      /260 bytes passed, but 245 were sent to the new relay and 10 are in gaps/,
    );
  });

  it('finds a log whose damage SQLite passes over in silence', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    writeRandomCapture(path, { ...TYPICAL, isSealed: false });
    const log = readFileSync(`${path}-wal`);
    const copy = join(temporaryDirectory(), 'b.capture');
    for (const [at, expected] of [
      [32 + (8_192 + 24) * 40 + 5_000, /frame 41 of the -wal file \(page \d+\) is damaged/],
      [12, /header of the -wal file is damaged/],
    ] as const) {
      copyFileSync(path, copy);
      const bytes = Buffer.from(log);
      bytes[at] = (bytes[at] ?? 0) ^ 1;
      writeFileSync(`${copy}-wal`, bytes);
      rmSync(`${copy}-shm`, { force: true });
      const verification = verifyCapture(copy);
      expect(verification.verdict).toBe('damaged');
      expect(messagesOf(verification)).toMatch(expected);
    }
  });

  it('says of what is no capture what it is, and goes on with the next file', () => {
    const directory = temporaryDirectory();
    const text = join(directory, 'text');
    writeFileSync(text, 'This is no capture; it is a text that is longer than a header of SQLite.');
    mkdirSync(join(directory, 'folder'));
    const of = (path: string): Verification[] => [...verifyPath(path)];
    expect(of(text)[0]).toMatchObject({ verdict: 'unreadable' });
    expect(of(join(directory, 'none'))[0]?.findings[0]?.message).toMatch(/CAPTURE_NOT_FOUND/);
    expect(of(join(directory, 'folder'))[0]?.findings[0]?.message).toMatch(/CAPTURE_UNREADABLE/);
  });

  it('finds whatever changes what a sealed file says, and never fails itself', () => {
    fc.assert(
      fc.property(
        randomCaptures,
        fc.array(damages, { minLength: 1, maxLength: 12 }),
        (random, all) => {
          const path = join(temporaryDirectory(), 'a.capture');
          writeRandomCapture(path, { ...random, isSealed: true });
          const file = readFileSync(path);
          const before = { rows: allRows(path), verdict: verifyCapture(path).verdict };
          for (const damage of all) {
            writeFileSync(path, damaged(file, damage));
            const { verdict } = verifyCapture(path);
            if (verdict === 'damaged' || verdict === 'unreadable') continue;
            // SQLite does not use what was changed.
            expect([damage, verdict]).toEqual([damage, before.verdict]);
            expect(allRows(path) === before.rows).toBe(true);
          }
          expect(existsSync(`${path}-wal`)).toBe(false);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('finds whatever changes what a file without seal says', () => {
    fc.assert(
      fc.property(
        randomCaptures,
        fc.array(damages, { minLength: 1, maxLength: 8 }),
        (random, all) => {
          const directory = temporaryDirectory();
          const path = join(directory, 'a.capture');
          const copy = join(directory, 'b.capture');
          writeRandomCapture(path, { ...random, isSealed: false });
          // Folded in: a damaged end of a log cannot be told from one that was never written.
          change(path, 'PRAGMA wal_checkpoint(TRUNCATE)');
          const file = readFileSync(path);
          const rows = allRows(path);
          for (const damage of all) {
            if (damage.kind === 'truncate') continue;
            writeFileSync(copy, damaged(file, damage));
            const { verdict } = verifyCapture(copy);
            for (const suffix of ['-wal', '-shm']) rmSync(`${copy}${suffix}`, { force: true });
            if (verdict === 'incomplete') expect(allRows(copy) === rows).toBe(true);
            else expect(['damaged', 'unreadable']).toContain(verdict);
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});
