/** Real pipes and files; terminals are in monitor.e2e.test.ts. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OperatorConsole } from '../../src/monitor/operator-console.ts';
import { until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function consoleAt(fd: number): OperatorConsole {
  onTestFinished(() => {
    closeSync(fd);
  });
  return new OperatorConsole({ fd, isTTY: false, columns: 0, hasColors: () => false });
}

describe('what is said', () => {
  it('arrives whole and in order in a file, and nothing renews itself there by itself', async () => {
    const path = join(temporaryDirectory(), 'log');
    const operator = consoleAt(openSync(path, 'w'));
    expect([operator.isTerminal, operator.hasColour, operator.columns]).toEqual([false, false, 80]);
    const lines = Array.from({ length: 500 }, (_, index) => `line ${index}`);
    for (const line of lines) operator.say(line);
    await operator.close();
    expect(readFileSync(path, 'utf8')).toBe(`${lines.join('\n')}\n`);
  });

  it('arrives at once, however soon after something else it is said', async () => {
    const fifo = join(temporaryDirectory(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const operator = consoleAt(fd);
    let text = '';
    for (let turns = 0; turns < 12; turns++) {
      operator.say('first');
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      operator.say(`after ${turns}`);
      await until(() => {
        text += readSome(fd);
        return text.endsWith(`first\nafter ${turns}\n`);
      });
    }
    await operator.close();
  });

  it('is left out where nobody reads, up to a limit, and that is said when somebody does', async () => {
    const fifo = join(temporaryDirectory(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const operator = consoleAt(fd);
    const line = 'x'.repeat(1_023);
    const saidLines = 300;
    for (let round = 0; round < saidLines; round++) operator.say(line);
    let text = '';
    await until(() => {
      text += readSome(fd);
      return text.includes('left out');
    });
    const arrived = text.split('\n').filter((each) => each === line).length;
    const [, omitted] = /\((\d+) lines were left out here: nobody read them\)\n/.exec(text) ?? [];
    expect(arrived + Number(omitted)).toBe(saidLines);
    // What waits for a reader is bounded: by us, and by the system.
    expect(arrived).toBeLessThanOrEqual(128);
    await operator.close();
  });

  it('does not keep the end waiting when nobody reads', async () => {
    const fifo = join(temporaryDirectory(), 'fifo');
    execFileSync('mkfifo', [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    const operator = consoleAt(fd);
    for (let round = 0; round < 200; round++) operator.say('x'.repeat(1_023));
    await operator.close();
    const before = readSome(fd);
    operator.say('after the end');
    await operator.close();
    expect(before.length).toBeGreaterThan(0);
    expect(readSome(fd)).not.toContain('after the end');
  });
});

/** What the pipe holds now. */
function readSome(fd: number): string {
  const buffer = Buffer.alloc(1 << 20);
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } catch {
    // EAGAIN: nothing.
    return '';
  }
}
