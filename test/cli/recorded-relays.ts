/** Two relays of one implementation, recorded: three clients, two of which send ten thousand messages together. */
import { onTestFinished } from 'vitest';
import { openCaptureFile } from '../../src/capture/reader.ts';
import { readSpans } from '../../src/capture/spans.ts';
import type { StreamKind } from '../../src/capture/types.ts';
import { agreeingScenario, playScenario } from '../../src/simulate/scenario.ts';
import { spawnRelay } from '../../src/simulate/spawn.ts';
import { H3 } from '../support/frames.ts';
import { type Running, startCli, until } from '../support/processes.ts';

const MESSAGES = 10_000;

/** `path`: of files in a directory of the test's own. */
export async function recordOriginals(
  path: (name: string) => string,
): Promise<{ readonly shim: Running; readonly play: () => Promise<void> }> {
  for (const side of ['old', 'new']) {
    const relay = await spawnRelay({
      kind: 'original',
      domain: 'market_data',
      socketPath: path(side),
    });
    onTestFinished(relay.stop);
  }
  const sockets = ['--listen', path('listen'), '--old', path('old'), '--new', path('new')];
  const shim = startCli(['record', ...sockets, '--out', path('a.capture')]);
  await shim.says('recording ');
  const play = async (): Promise<void> => {
    // Nobody leaves before everything has come: a machine that has much to do takes its time.
    const clients = agreeingScenario({ seed: 7, messages: MESSAGES });
    const curtain = new AbortController();
    const played = playScenario({
      socketPath: path('listen'),
      clients: clients.map((client) => ({ ...client, stays: true })),
      signal: curtain.signal,
    });
    await until(() => holdsEverything(path('a.capture'), clients.length));
    curtain.abort();
    await played;
  };
  return { shim, play };
}

function holdsEverything(path: string, clients: number): boolean {
  const capture = openCaptureFile(path);
  try {
    const streams = capture.streams();
    const bytesOf = (wanted: StreamKind): number =>
      streams.reduce((sum, { kind, bytes }) => sum + (kind === wanted ? bytes : 0), 0);
    const heard = clients * bytesOf('client');
    if (heard === 0 || bytesOf('old') !== heard || bytesOf('new') !== heard) return false;
    const sent = streams.filter(({ kind }) => kind === 'client');
    return sent.flatMap((stream) => [...readSpans(capture, stream, H3)]).length === MESSAGES;
  } finally {
    capture.close();
  }
}
