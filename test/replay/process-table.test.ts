/** Whether a process sleeps, of real ones. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isAsleep } from '../../src/replay/process-table.ts';

const IN_TURN = fileURLToPath(new URL('../fixtures/threads-in-turn.mjs', import.meta.url));
const LOOKS = 300;

async function start(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child.pid ?? 0;
}

describe.runIf(process.platform === 'linux')('a process', () => {
  it('never sleeps while its threads wake each other, whichever of them is looked at first', async () => {
    const pid = await start([IN_TURN]);
    const looks = Array.from({ length: LOOKS }, () => isAsleep([pid]));
    expect(looks.filter((isSleeping) => isSleeping !== false)).toEqual([]);
  });

  it('sleeps when it waits for something', async () => {
    const pid = await start(['-e', 'setInterval(() => {}, 1e9); console.log("ready")']);
    await expect.poll(() => isAsleep([pid])).toBe(true);
    expect(isAsleep([])).toBe(true);
  });
});
