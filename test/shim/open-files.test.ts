/** How many clients fit under the limit of open files, and how those that do not fit are reported. */
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/lib/operating-error.ts';
import {
  clientsMaxFor,
  parseOpenFileLimit,
  readOpenFiles,
  Refusals,
} from '../../src/shim/open-files.ts';

describe('the limit of open files', () => {
  it('is the soft limit that the system states', () => {
    const line = 'Max open files            1024                 524288               files     ';
    expect(parseOpenFileLimit(`Limit  Soft Limit\n${line}\n`)).toBe(1_024);
    expect(parseOpenFileLimit(line.replace('1024     ', 'unlimited'))).toBe(Infinity);
    expect(parseOpenFileLimit('nothing of the kind')).toBe(undefined);
  });

  it('is known on Linux, with what is open now', () => {
    const files = readOpenFiles();
    if (process.platform !== 'linux') expect(files).toBe(undefined);
    else expect(files?.limit).toBeGreaterThan(files?.inUse ?? Infinity);
  });
});

describe('the most clients at a time', () => {
  const files = { limit: 1_024, inUse: 22 };

  it('are three files each, beside what the recorder needs itself', () => {
    expect(clientsMaxFor(undefined, files)).toBe(312);
    expect(clientsMaxFor(312, files)).toBe(312);
    expect(clientsMaxFor(7, files)).toBe(7);
  });

  it('are as many as asked for, or any number, where the limit is unknown or endless', () => {
    expect(clientsMaxFor(5_000, undefined)).toBe(5_000);
    expect(clientsMaxFor(undefined, undefined)).toBe(Infinity);
    expect(clientsMaxFor(undefined, { limit: Infinity, inUse: 22 })).toBe(Infinity);
  });

  it('are refused at the start when they do not fit, with the limit that they need', () => {
    const refusal = refused(() => clientsMaxFor(1_000, files));
    expect(refusal.code).toBe('OPEN_FILES_LIMIT');
    expect(refusal.message).toContain('1000 clients need 3086 open files');
    expect(refusal.hint).toContain('--clients-max 312');
    expect(refused(() => clientsMaxFor(undefined, { limit: 80, inUse: 22 })).hint).not.toContain(
      '--clients-max',
    );
  });

  it('fit exactly when the limit is raised to what the message says', () => {
    expect(clientsMaxFor(1_000, { limit: 3_086, inUse: 22 })).toBe(1_000);
    expect(() => clientsMaxFor(1_000, { limit: 3_085, inUse: 22 })).toThrow(OperatingError);
  });
});

describe('clients that are turned away', () => {
  it('are reported at once, then once a second, and none is forgotten', () => {
    const refusals = new Refusals();
    expect(refusals.take(0)).toBe(0);
    refusals.add();
    expect(refusals.take(5)).toBe(1);
    for (let index = 0; index < 1_000; index++) refusals.add();
    expect(refusals.take(1_004)).toBe(0);
    expect(refusals.take(1_005)).toBe(1_000);
    refusals.add();
    expect(refusals.takeRest()).toBe(1);
    expect([refusals.takeRest(), refusals.total]).toEqual([0, 1_002]);
  });
});

function refused(work: () => unknown): OperatingError {
  try {
    work();
  } catch (error) {
    if (error instanceof OperatingError) return error;
  }
  throw new Error('was not refused');
}
