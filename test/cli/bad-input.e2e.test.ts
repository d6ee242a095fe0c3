/** Whatever is wrong with the input: one clear line, what to do, the right exit code, and nothing lost. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { buildCapture } from '../support/capture-builder.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

interface Refusal {
  readonly args: readonly string[];
  readonly input?: string;
  readonly exitCode: number;
  readonly says: readonly (string | RegExp)[];
}

function expectRefusal({ args, input = '', exitCode, says }: Refusal): void {
  const finished = runCli(args, input);
  expect(finished.stdout).toBe('');
  for (const text of says) expect(finished.stderr).toMatch(text);
  expect(finished.exitCode).toBe(exitCode);
  expect(finished.stderr).not.toMatch(/a bug in relaydiff|\n\s+at /);
}

function newerCapture(directory: string): string {
  const path = join(directory, 'future.capture');
  buildCapture(path, { connections: [], steps: [] });
  const database = new Database(path);
  database.pragma('user_version = 999');
  database.close();
  return path;
}

describe('captures that are none', () => {
  it('are refused by every verb that reads one', () => {
    const directory = temporaryDirectory();
    const text = join(directory, 'text');
    writeFileSync(text, 'This is no capture; it is a text that is longer than a header of SQLite.');
    const foreign = join(directory, 'foreign.db');
    new Database(foreign).exec('CREATE TABLE t (x)').close();
    const newer = newerCapture(directory);
    for (const verb of ['info', 'messages', 'diff']) {
      const none = join(directory, 'none');
      expectRefusal({ args: [verb, none], exitCode: 2, says: [/CAPTURE_NOT_FOUND/, /--out/] });
      expectRefusal({ args: [verb, text], exitCode: 2, says: [/NOT_A_CAPTURE/, /text/] });
      expectRefusal({ args: [verb, foreign], exitCode: 2, says: [/another program/] });
      expectRefusal({ args: [verb, newer], exitCode: 2, says: [/format 999/, /Update relaydiff/] });
      expectRefusal({ args: [verb, directory], exitCode: 2, says: [/CAPTURE_UNREADABLE/] });
    }
  });
});

describe('decode', () => {
  it('says where hex text is wrong', () => {
    expectRefusal({
      args: ['decode', '--hex', '-'],
      input: 'efbeadd',
      exitCode: 2,
      says: [/HEX_INVALID/, /odd number of hex digits/],
    });
    expectRefusal({
      args: ['decode', '--hex', '-'],
      input: 'efbe xdde',
      exitCode: 2,
      says: [/"x" is not a hex digit, at character 6/],
    });
  });

  it('names the dialects when it does not know one', () => {
    expectRefusal({
      args: ['decode', '--dialect', 'torq-typos', '-'],
      exitCode: 2,
      says: [/DIALECT_UNKNOWN/, /torq-types/, /torq-codec/],
    });
  });

  it('reports a file that cannot be read', () => {
    expectRefusal({ args: ['decode', '/no/such/file'], exitCode: 2, says: [/INPUT_UNREADABLE/] });
  });
});

describe('import', () => {
  it('names the line of a transcript that is wrong', () => {
    const directory = temporaryDirectory();
    const file = join(directory, 't.ndjson');
    const run = { relay: 'market_data', implementation: 'original', case: 'a', what: '' };
    const event = { at_us: 1, client: 'publisher', what: 'sent', hex: 'abc' };
    writeFileSync(file, `\n${JSON.stringify({ ...run, events: [event] })}\n`);
    const args = ['import', '--format', 'transcript', file, '--out', join(directory, 'out')];
    expectRefusal({
      args,
      exitCode: 2,
      says: [/TRANSCRIPT_INVALID/, /t\.ndjson:2: events\.0\.hex/],
    });
    writeFileSync(file, `${JSON.stringify({ ...run, events: [] })}\n`);
    expectRefusal({ args, exitCode: 2, says: [/case market_data-a lacks the generic relay/] });
    writeFileSync(file, '{');
    expectRefusal({ args, exitCode: 2, says: [/t\.ndjson:1/] });
  });
});

describe('outputs that cannot be written', () => {
  it('are reported with their path', () => {
    const directory = temporaryDirectory();
    const capture = join(directory, 'a.capture');
    buildCapture(capture, { connections: [], steps: [] });
    const nowhere = join(directory, 'no', 'report.html');
    expectRefusal({
      args: ['diff', capture, '--quiet', '--html', nowhere],
      exitCode: 4,
      says: [/OUTPUT_UNWRITABLE/, /report\.html/],
    });
  });
});

describe('usage', () => {
  it('is explained when it is wrong', () => {
    expectRefusal({ args: ['frobnicate'], exitCode: 2, says: [/unknown command 'frobnicate'/] });
    expectRefusal({ args: ['record'], exitCode: 2, says: [/--new/] });
    const named = ['record', '--new', 'b', '--out', 'c'];
    expectRefusal({ args: named, exitCode: 2, says: [/--listen/, /--old/, /--take-over/] });
    expectRefusal({
      args: ['messages', 'x', '--limit', 'many'],
      exitCode: 2,
      says: [/whole number/],
    });
    expectRefusal({
      args: ['demo', '--duration', '10'],
      exitCode: 2,
      says: [/number and a unit/],
    });
  });

  it('is shown with an example for every verb', () => {
    const verbs = runCli(['--help']).stdout.matchAll(/^ {2}(\w+) (?:\[options\]|<file>|) /gm);
    const names = [...verbs].map((match) => match[1] ?? '').filter((name) => name !== 'help');
    expect(names.length).toBeGreaterThanOrEqual(9);
    for (const name of names) {
      const help = runCli([name, '--help']);
      expect(help.exitCode).toBe(0);
      expect(help.stdout).toMatch(/Examples?[:,]/);
    }
  });
});

const FIXTURES = fileURLToPath(new URL('../fixtures', import.meta.url));

describe('a stored result', () => {
  it('that is none is refused with the place', () => {
    const vectors = join(FIXTURES, 'vectors', 'vectors.json');
    expectRefusal({ args: ['report', vectors], exitCode: 2, says: [/RESULT_INVALID/] });
    expectRefusal({ args: ['report', '/no/result'], exitCode: 2, says: [/INPUT_UNREADABLE/] });
  });
});
