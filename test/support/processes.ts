/** Runs the built command line as users do, and waits on what it does instead of on time. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A verb that ends by itself. */
export function runCli(args: readonly string[], input: string | Uint8Array = ''): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...args], {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  return { exitCode: status, stdout, stderr };
}

export interface Running {
  readonly process: ChildProcess;
  readonly stderr: () => string;
  /** Resolves when the text has been said on stderr; fails when the process ends first. */
  readonly says: (text: string) => Promise<void>;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** A verb that runs until it is stopped; killed when the test ends. */
export function startCli(args: readonly string[]): Running {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const exited = once(child, 'exit');
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return {
    process: child,
    stderr: () => said,
    says: async (text) => {
      while (!said.includes(text)) {
        if (child.exitCode !== null) throw new Error(`ended before it said ${text}: ${said}`);
        await Promise.race([once(child.stderr, 'data'), exited]);
      }
    },
    stop: async (signal = 'SIGINT') => {
      if (child.exitCode === null) child.kill(signal);
      await exited;
      return child.exitCode;
    },
  };
}

/** Waits until the condition holds; a test that never gets there ends by its own time limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await new Promise((resolve) => {
      setTimeout(resolve, 5);
    });
  }
}
