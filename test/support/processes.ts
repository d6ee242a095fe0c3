/** Runs the built command line as users do, and waits on what it does instead of on time. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { CLI } from './built-cli.ts';

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
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when the text has been said on stderr; fails when the process ends first. */
  readonly says: (text: string) => Promise<void>;
  /** The exit code, once it has ended. */
  readonly ended: Promise<number | null>;
  readonly stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

export interface StartOptions {
  /** Open files that the process may have, as a hard limit. */
  readonly openFiles?: number;
  /** Runs as this user; only root may ask for it. */
  readonly uid?: number;
}

/** A verb that runs until it is stopped; killed when the test ends. */
export function startCli(args: readonly string[], options: StartOptions = {}): Running {
  const { openFiles, uid } = options;
  const command = [process.execPath, CLI, ...args];
  const limited = ['sh', '-c', `ulimit -n ${openFiles}; exec "$@"`, 'sh', ...command];
  const [program = '', ...words] = openFiles === undefined ? command : limited;
  const child = spawn(program, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  let printed = '';
  let said = '';
  const exited = once(child, 'close');
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return {
    process: child,
    stdout: () => printed,
    stderr: () => said,
    says: async (text) => {
      while (!said.includes(text)) {
        if (child.exitCode !== null || child.signalCode !== null)
          throw new Error(`ended before it said ${text}: ${said}`);
        await Promise.race([once(child.stderr, 'data'), exited]);
      }
    },
    ended: exited.then(() => child.exitCode),
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
