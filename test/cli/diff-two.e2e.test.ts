/** `relaydiff diff A B`: two recordings of the same clients, as a person gives them. */
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { parseResult } from '../../src/report/result-json.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const FRAMES = [testFrame(1), testFrame(2), testFrame(3)];

function capture(name: string, delivered: readonly Uint8Array[]): string {
  const path = join(temporaryDirectory(), name);
  const steps = [
    ...FRAMES.map((bytes) => ({ connection: 1, stream: 'client' as const, bytes })),
    ...delivered.map((bytes) => ({ connection: 1, stream: 'old' as const, bytes })),
  ];
  buildCapture(path, { connections: ['publisher'], steps });
  return path;
}

it('compares what the old relay of each answered, and names both files', () => {
  const golden = capture('golden.capture', FRAMES);
  const replay = capture('replay.capture', FRAMES.slice(1));
  const same = runCli(['diff', golden, golden]);
  expect([same.exitCode, same.stderr]).toEqual([0, '']);
  const { exitCode, stdout } = runCli(['diff', golden, replay, '--json']);
  const result = parseResult(stdout, 'stdout');
  expect(exitCode).toBe(1);
  expect(result.old.label).toBe('golden.capture, old');
  expect(result.new.label).toBe('replay.capture, old');
  expect(result.divergences.map(({ kind }) => kind)).toEqual(['missing']);
});

it('reads each capture in the dialect that is asked for', () => {
  const golden = capture('golden.capture', FRAMES);
  const { stdout, exitCode } = runCli([
    'diff',
    golden,
    golden,
    '--new-dialect',
    'torq-types',
    '--json',
  ]);
  expect(parseResult(stdout, 'stdout').new.dialect).toBe('torq-types');
  expect(exitCode).toBe(1);
});

it('refuses a second file that is no capture, and an option that needs a second file', () => {
  const golden = capture('golden.capture', FRAMES);
  const noCapture = join(temporaryDirectory(), 'notes.txt');
  writeFileSync(noCapture, 'not a capture, but long enough to be looked at as one');
  const wrong = runCli(['diff', golden, noCapture]);
  expect([wrong.exitCode, wrong.stderr]).toEqual([2, expect.stringContaining('NOT_A_CAPTURE')]);
  expect(wrong.stderr).toContain(noCapture);
  const absent = runCli(['diff', golden, join(temporaryDirectory(), 'absent.capture')]);
  expect([absent.exitCode, absent.stderr]).toEqual([
    2,
    expect.stringContaining('CAPTURE_NOT_FOUND'),
  ]);
  const lonely = runCli(['diff', golden, '--second-side', 'new']);
  expect([lonely.exitCode, lonely.stderr]).toEqual([2, expect.stringContaining('USAGE')]);
});
