/**
 * Clients connect to a relay's path as fast as they can, each does a round trip, and all the while a recorder is put
 * into the path and taken out again, over and over, as users do it: the built command line, real processes. No client
 * may ever notice.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { spawnRelay } from '../../src/simulate/spawn.ts';
import { CLI } from '../support/built-cli.ts';
import { testFrame } from '../support/frames.ts';
import { pause } from './wait.ts';

export interface SwapOptions {
  /** At least so many; clients go on as long as swaps do. */
  readonly connects: number;
  readonly swaps: number;
  /** Clients at a time. */
  readonly loops: number;
  /** For sockets and captures. */
  readonly directory: string;
  readonly report?: (account: SwapAccount) => void;
}

export interface SwapAccount {
  connects: number;
  roundTrips: number;
  swaps: number;
  /** Connections that the recorders saw; the others reached the relay directly. */
  recorded: number;
  slowestMs: number;
  /** What went wrong, in words; empty is what we want. */
  readonly failures: string[];
}

/** Between two connects of a loop: the recorder that starts meanwhile needs a turn, too. */
const PACE_MS = 2;
const ROUND_TRIP_MS_MAX = 20_000;
/** A run that fails and fails need not go on. */
const FAILURES_MAX = 20;

export async function swap(options: SwapOptions): Promise<SwapAccount> {
  const run = new SwapRun(options);
  const path = join(options.directory, 'md.sock');
  const relays = await Promise.all([
    spawnRelay({ kind: 'original', domain: 'market_data', socketPath: path }),
    spawnRelay({ kind: 'original', domain: 'market_data', socketPath: `${path}.new` }),
  ]);
  try {
    const loops = Array.from({ length: options.loops }, () => run.connectAgainAndAgain(path));
    await Promise.all([run.swapAgainAndAgain(path), ...loops]);
  } finally {
    await Promise.all(relays.map((relay) => relay.stop()));
  }
  return run.account;
}

class SwapRun {
  readonly account: SwapAccount = {
    connects: 0,
    roundTrips: 0,
    swaps: 0,
    recorded: 0,
    slowestMs: 0,
    failures: [],
  };
  readonly #options: SwapOptions;
  #hasSwapped = false;

  constructor(options: SwapOptions) {
    this.#options = options;
  }

  get #isBroken(): boolean {
    return this.account.failures.length >= FAILURES_MAX;
  }

  async connectAgainAndAgain(path: string): Promise<void> {
    const { account } = this;
    while (!this.#isBroken && (!this.#hasSwapped || account.connects < this.#options.connects)) {
      account.connects += 1;
      const startMs = performance.now();
      const failure = await roundTrip(path, account.connects);
      account.slowestMs = Math.max(account.slowestMs, performance.now() - startMs);
      if (failure === undefined) account.roundTrips += 1;
      else account.failures.push(`client ${account.connects}, swap ${account.swaps}: ${failure}`);
      await pause(PACE_MS);
    }
  }

  async swapAgainAndAgain(path: string): Promise<void> {
    const { account } = this;
    const relay = lstatSync(path).ino;
    while (!this.#isBroken && account.swaps < this.#options.swaps) {
      const out = `${path}.${account.swaps}.capture`;
      try {
        account.recorded += await this.#record(path, out);
      } catch (error) {
        account.failures.push(`swap ${account.swaps}: ${String(error)}`);
      }
      const left = ['.relaydiff-old', '.relaydiff-shim', '.relaydiff-new'].filter((suffix) =>
        existsSync(path + suffix),
      );
      if (lstatSync(path).ino !== relay) account.failures.push('the path is not the relay again');
      if (left.length > 0) account.failures.push(`left beside the path: ${left.join(', ')}`);
      rmSync(out, { force: true });
      account.swaps += 1;
      this.#options.report?.(account);
      await this.#someConnects();
    }
    this.#hasSwapped = true;
  }

  /** Puts a recorder into the path and takes it out again; answers how many connections it saw. */
  async #record(path: string, out: string): Promise<number> {
    const relays = ['--take-over', path, '--new', `${path}.new`];
    // On a busy machine an answer may take longer than the recorder otherwise waits for the last words.
    const args = ['record', ...relays, '--out', out, '--json', '--linger', '20s'];
    const recorder = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const said = sayingsOf(recorder);
    const closed = once(recorder, 'close');
    try {
      await Promise.race([said.until('recording '), closed]);
      await this.#someConnects();
      recorder.kill('SIGINT');
      await closed;
    } finally {
      recorder.kill('SIGKILL');
    }
    if (recorder.exitCode !== 0) throw new Error(`exit ${recorder.exitCode}: ${said.stderr()}`);
    return connectionsIn(said.stdout());
  }

  /** Its share of the connects: half of them with a recorder in the path, half without. */
  async #someConnects(): Promise<void> {
    const share = Math.ceil(this.#options.connects / this.#options.swaps / 2);
    const goal = this.account.connects + share;
    while (this.account.connects < goal && !this.#isBroken) {
      await pause(PACE_MS);
    }
  }
}

/** Connects, sends a frame of its own, waits until the relay has broadcast it; answers what went wrong. */
async function roundTrip(path: string, sequence: number): Promise<string | undefined> {
  const frame = Buffer.from(testFrame(sequence));
  return new Promise((resolve) => {
    const socket = connect(path);
    let received = Buffer.alloc(0);
    let isConnected = false;
    const over = (failure: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(failure);
    };
    const timer = setTimeout(() => over('no answer'), ROUND_TRIP_MS_MAX);
    socket.on('connect', () => {
      isConnected = true;
      socket.write(frame);
    });
    socket.on('data', (bytes) => {
      received = Buffer.concat([received, bytes]);
      if (received.includes(frame)) over(undefined);
    });
    socket.on('error', (error) => {
      over(`${isConnected ? 'connection lost' : 'connect failed'}: ${error.message}`);
    });
    socket.on('end', () => over('closed before the answer'));
  });
}

interface Sayings {
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly until: (text: string) => Promise<void>;
}

function sayingsOf(process: ChildProcess): Sayings {
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    process[name]?.setEncoding('utf8').on('data', (text: string) => {
      said[name] += text;
    });
  }
  return {
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    until: async (text) => {
      while (!said.stderr.includes(text) && process.stderr !== null) {
        await once(process.stderr, 'data');
      }
    },
  };
}

interface Summary {
  readonly connections: number;
  readonly streams: Readonly<
    Record<string, { seenBytes: number; recordedBytes: number; gapBytes: number }>
  >;
}

/** Of the summary of `record --json`; fails when its account does not add up. */
function connectionsIn(json: string): number {
  const summary: Summary = JSON.parse(json);
  for (const [stream, { seenBytes, recordedBytes, gapBytes }] of Object.entries(summary.streams)) {
    if (seenBytes !== recordedBytes || gapBytes !== 0) {
      throw new Error(`${stream}: ${seenBytes} seen, ${recordedBytes} recorded, ${gapBytes} gap`);
    }
  }
  return summary.connections;
}
