/** Two relays of one implementation, recorded: three clients, two of which send ten thousand messages together. */
import { onTestFinished } from 'vitest';
import { agreeingScenario, playScenario } from '../../src/simulate/scenario.ts';
import { spawnRelay } from '../../src/simulate/spawn.ts';
import { type Running, startCli } from '../support/processes.ts';

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
    await playScenario({
      socketPath: path('listen'),
      clients: agreeingScenario({ seed: 7, messages: 10_000 }),
    });
  };
  return { shim, play };
}
