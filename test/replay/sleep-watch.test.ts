/** Whether a process sleeps, of real ones. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SleepWatch } from '../../src/replay/sleep-watch.ts';

const IN_TURN = fileURLToPath(new URL('../fixtures/threads-in-turn.mjs', import.meta.url));
const LOOKS = 300;

async function watchOf(args: readonly string[]): Promise<SleepWatch> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  const watch = SleepWatch.of([child.pid ?? 0]);
  if (watch === undefined) throw new Error('nobody can know');
  onTestFinished(() => watch.close());
  return watch;
}

describe.runIf(process.platform === 'linux')('a process', () => {
  it('never sleeps while its threads wake each other, whichever of them is looked at first', async () => {
    const watch = await watchOf([IN_TURN]);
    const looks = Array.from({ length: LOOKS }, () => watch.isAsleep());
    expect(looks).not.toContain(true);
  });

  it('sleeps when it waits for something', async () => {
    const watch = await watchOf(['-e', 'setInterval(() => {}, 1e9); console.log("ready")']);
    await expect.poll(() => watch.isAsleep()).toBe(true);
  });
});
