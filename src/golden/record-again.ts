/** Records a golden anew: its clients, played to a relay that is started for it, or to an old and a new one at once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader, Side } from '../capture/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { Protocol } from '../protocol/load.ts';
import type { RelayCommand } from '../replay/relay-command.ts';
import { type RelayProcess, withRelay } from '../replay/relay-process.ts';
import { Replay } from '../replay/replay.ts';
import { setUpReplay } from '../replay/set-up.ts';
import { DEFAULT_REPLAY, type GoldenDomain } from './expected.ts';

export interface RecordAgainOptions {
  readonly command: RelayCommand;
  /** Of the new side; undefined: there will be none. */
  readonly newCommand: RelayCommand | undefined;
  readonly domain: GoldenDomain;
  readonly protocol: Protocol;
  readonly startMsMax: number;
  readonly stopMsMax: number;
  readonly writer: string;
  readonly onTrouble: (message: string) => void;
}

/**
 * Gives the new recording to `work`, and leaves nothing of it. Throws RELAY_FAILED, RELAY_LOST, and RELAY_FAILED when not
 * everything could be played.
 */
export async function withRecordedAgain<T>(
  golden: CaptureReader,
  options: RecordAgainOptions,
  work: (fresh: CaptureReader) => T,
): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'relaydiff-update-'));
  try {
    const out = join(scratch, 'again.capture');
    await record(golden, options, out);
    const fresh = openCapture(out);
    try {
      return work(fresh);
    } finally {
      fresh.close();
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function record(
  golden: CaptureReader,
  options: RecordAgainOptions,
  out: string,
): Promise<void> {
  const { command, newCommand, ...limits } = options;
  const play = async (relays: ReadonlyMap<Side, RelayProcess>): Promise<void> => {
    await playTo(golden, relays, options, out);
  };
  await withRelay({ ...limits, command }, async (old) => {
    if (newCommand === undefined) return play(new Map([['old', old]]));
    await withRelay({ ...limits, command: newCommand }, (fresh) =>
      play(
        new Map<Side, RelayProcess>([
          ['old', old],
          ['new', fresh],
        ]),
      ),
    );
    return undefined;
  });
}

async function playTo(
  golden: CaptureReader,
  relays: ReadonlyMap<Side, RelayProcess>,
  { protocol, writer, onTrouble }: RecordAgainOptions,
  out: string,
): Promise<void> {
  const targets = new Map([...relays].map(([side, { socketPath }]) => [side, socketPath] as const));
  const watches = [...relays.values()].flatMap((relay) => relay.watchIdleness() ?? []);
  const replay = await Replay.start({
    ...setUpReplay(golden, protocol, DEFAULT_REPLAY, { targets, writer }),
    // Whose idleness nobody can see is waited for in other ways.
    isIdle: watches.length < relays.size ? undefined : () => watches.every((isIdle) => isIdle()),
    out,
    onTrouble,
    onProgress: () => undefined,
  });
  const { failure, unsentBytes } = await replay.play();
  if (failure !== undefined) throw failure;
  if (unsentBytes === 0) return;
  throw new OperatingError(
    'RELAY_FAILED',
    `the relay ended connections: ${unsentBytes} bytes of clients could not be sent`,
    {
      hint: 'A golden needs all that its clients sent; look into what the relay says.',
    },
  );
}
