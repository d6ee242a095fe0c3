/** Starts a reference relay as a process of its own, as production runs them, and stops it for certain. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { OperatingError } from '../lib/operating-error.ts';
import type { RelayDomainName, RelayKind } from './relay-core.ts';
import type { Stamp, StampFault } from './stamps.ts';

/** The built program, whether this file runs from src/ or from dist/. */
export const relayProgram: string = fileURLToPath(
  new URL('../../dist/simulate/relay-main.js', import.meta.url),
);

export interface SpawnRelayOptions {
  readonly kind: RelayKind;
  readonly domain: RelayDomainName;
  readonly socketPath: string;
  /** Requested slots of the broadcast ring. */
  readonly capacity?: number;
  /** What it writes into the messages that it passes on. */
  readonly stamping?: {
    readonly stamps: readonly Stamp[];
    readonly seed: number;
    readonly fault?: StampFault;
  };
  /** How long the relay may take until it listens. */
  readonly startTimeoutMs?: number;
}

export interface SpawnedRelay {
  readonly process: ChildProcess;
  readonly socketPath: string;
  /** Resolves when the process is gone: told first, killed when it does not go. May be called again. */
  readonly stop: () => Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5_000;
/** Enough for the last words of a relay that failed. */
const STDERR_CHARACTERS_MAX = 8_192;

/** Resolves when clients can connect; otherwise `RELAY_FAILED` with what the relay said on stderr. */
export async function spawnRelay(options: SpawnRelayOptions): Promise<SpawnedRelay> {
  const child = spawn(process.execPath, [relayProgram, ...argumentsOf(options)], {
    // The relay ends when its stdin does: it cannot outlive this process, even one that was killed.
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(killer);
  };
  try {
    await listening(child, options.startTimeoutMs ?? START_TIMEOUT_MS);
  } catch (error) {
    await stop();
    throw error;
  }
  return { process: child, socketPath: options.socketPath, stop };
}

function argumentsOf(options: SpawnRelayOptions): readonly string[] {
  const { kind, domain, socketPath, capacity, stamping } = options;
  const needed = ['--kind', kind, '--domain', domain, '--socket', socketPath];
  const ring = capacity === undefined ? [] : ['--capacity', String(capacity)];
  const stamps = (stamping?.stamps ?? []).flatMap((each) => [
    '--stamp',
    `${each.kind}@${each.offset}`,
  ]);
  const seed = stamping === undefined ? [] : ['--stamp-seed', String(stamping.seed)];
  const fault = stamping?.fault === undefined ? [] : ['--stamp-fault', stamping.fault];
  return [...needed, ...ring, ...stamps, ...seed, ...fault, '--until-stdin-ends'];
}

async function listening(child: ChildProcess, timeoutMs: number): Promise<void> {
  let complaint = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-STDERR_CHARACTERS_MAX);
  });
  let timer: NodeJS.Timeout | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string, cause?: unknown): void => {
        const words = complaint.trim();
        const message = words === '' ? what : `${what}: ${words}`;
        reject(new OperatingError('RELAY_FAILED', message, { cause }));
      };
      timer = setTimeout(() => fail(`the relay did not listen within ${timeoutMs} ms`), timeoutMs);
      child.once('error', (error) => fail('the relay could not be started', error));
      // `close` and not `exit`: only then has all of its stderr arrived.
      child.once('close', (code, signal) =>
        fail(`the relay ended before it listened (${signal ?? `exit code ${code}`})`),
      );
      let said = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-STDERR_CHARACTERS_MAX);
        if (/^listening .*\n/m.test(said)) resolve();
      });
    });
  } finally {
    clearTimeout(timer);
  }
}
