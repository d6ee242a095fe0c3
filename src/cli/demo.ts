/** `relaydiff demo`: the whole path on the built-in reference relays, as an operator would walk it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { DiffResult } from '../diff/types.ts';
import { deferred } from '../lib/deferred.ts';
import { EXIT, OperatingError } from '../lib/operating-error.ts';
import { renderTerminal } from '../report/terminal.ts';
import { demoScenario, playScenario } from '../simulate/scenario.ts';
import { type SpawnedRelay, spawnRelay } from '../simulate/spawn.ts';
import { compare } from './diff.ts';
import { withCapture } from './inputs.ts';
import { parseCount, parseDurationMs } from './options.ts';
import { talk, writeOut } from './output.ts';

interface DemoOptions {
  readonly duration: number;
  readonly seed: number;
  readonly out: string;
}

interface Sockets {
  readonly old: string;
  readonly new: string;
  readonly listen: string;
}

const DEFAULT_DURATION_MS = 10_000;
const DEFAULT_SEED = 20_251_123;
const LISTED = 10_000;
const INTERRUPTIONS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

const EXAMPLE = `
Example: record ten seconds, compare, and open the page
  relaydiff demo && xdg-open demo-out/report.html

It starts an original and a generic market-data relay, the shim, and six clients, all as they are in
production; records; compares; and leaves demo.capture, result.json and report.html. Exit code 0: it found
what the generic relay is known to lose.`;

export function demoCommand(): Command {
  return new Command('demo')
    .description('record two reference relays, compare them, write a report: everything in one go')
    .option(
      '--duration <time>',
      'how long the clients publish',
      parseDurationMs,
      DEFAULT_DURATION_MS,
    )
    .option('--seed <n>', 'same seed, same traffic', parseCount, DEFAULT_SEED)
    .option('--out <directory>', 'where to leave the files', 'demo-out')
    .addHelpText('after', EXAMPLE)
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const files = prepareFiles(options.out);
  const directory = mkdtempSync(join(tmpdir(), 'relaydiff-'));
  const sockets: Sockets = {
    old: join(directory, 'old.sock'),
    new: join(directory, 'new.sock'),
    listen: join(directory, 'market_data.sock'),
  };
  try {
    await recordDemo(sockets, files.capture, options);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  talk('4/4  comparing what the clients got from the old relay with what the new one answered');
  const result = await withCapture(files.capture, (capture) =>
    compare(capture, { html: files.html, result: files.result, list: LISTED, quiet: false }),
  );
  await writeOut(
    `\n${renderTerminal(result, { colour: process.stdout.isTTY, reportPath: files.html })}`,
  );
  await writeOut(`Files   ${files.capture}, ${files.result}\n`);
  checkOutcome(result);
  process.exitCode = EXIT.same;
}

function prepareFiles(directory: string): { capture: string; result: string; html: string } {
  const files = {
    capture: join(directory, 'demo.capture'),
    result: join(directory, 'result.json'),
    html: join(directory, 'report.html'),
  };
  mkdirSync(directory, { recursive: true });
  // Only what an earlier demo left here under these names: other captures are never overwritten.
  for (const file of Object.values(files)) if (existsSync(file)) rmSync(file);
  return files;
}

async function recordDemo(sockets: Sockets, capture: string, options: DemoOptions): Promise<void> {
  const relays: SpawnedRelay[] = [];
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  for (const signal of INTERRUPTIONS) process.once(signal, interrupt);
  let shim: RunningShim | undefined;
  try {
    talk(
      '1/4  starting the old relay (original) and the new one (generic), each a process of its own',
    );
    for (const [side, kind] of [
      ['old', 'original'],
      ['new', 'generic'],
    ] as const) {
      relays.push(await spawnRelay({ kind, domain: 'market_data', socketPath: sockets[side] }));
    }
    talk('2/4  starting the shim: relaydiff record');
    shim = await startShim(sockets, capture);
    talk(
      `3/4  six clients talk through it for ${options.duration / 1_000} s: coalesced, split and wrong-domain writes`,
    );
    await playScenario({
      socketPath: sockets.listen,
      clients: demoScenario({ seed: options.seed, durationMs: options.duration }),
      signal: interruption.signal,
    });
  } finally {
    await shim?.stop();
    for (const relay of relays) await relay.stop();
    for (const signal of INTERRUPTIONS) process.off(signal, interrupt);
  }
  if (interruption.signal.aborted) {
    throw new OperatingError('RECORDER_FAILED', 'the demo was interrupted; everything is stopped', {
      hint: `What was recorded until then is in ${capture}.`,
    });
  }
}

interface RunningShim {
  /** Resolves when the process is gone. Throws RECORDER_FAILED when it did not end in good order. */
  readonly stop: () => Promise<void>;
}

/** Resolves when the shim says that it records; what it says of trouble is passed on. */
async function startShim(sockets: Sockets, capture: string): Promise<RunningShim> {
  const { listen, old, new: fresh } = sockets;
  const shim = spawn(
    process.execPath,
    [MAIN, 'record', '--listen', listen, '--old', old, '--new', fresh, '--out', capture],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = once(shim, 'exit');
  const recording = deferred<void>();
  const lines = createInterface({ input: shim.stderr });
  lines.on('line', (line) => {
    if (line.startsWith('recording ')) recording.resolve();
    else if (line.startsWith('relaydiff: ')) talk(line);
  });
  lines.once('close', () => {
    recording.reject(new OperatingError('RECORDER_FAILED', 'the shim ended before it recorded'));
  });
  await recording.promise;
  return {
    stop: async () => {
      shim.kill('SIGINT');
      const [exitCode] = await exited;
      if (exitCode === EXIT.same) return;
      throw new OperatingError('RECORDER_FAILED', `the shim ended with exit code ${exitCode}`, {
        hint: 'Its own words are above.',
      });
    },
  };
}

/** The demo is a check of itself: the generic relay is known to lose frames. */
function checkOutcome(result: DiffResult): void {
  if (result.verdict === 'different' && result.counts.divergences.missing > 0) return;
  throw new OperatingError('RELAY_FAILED', `the demo found nothing: ${result.reason}`, {
    hint: 'The generic relay should have lost frames; please report this with the seed.',
  });
}
