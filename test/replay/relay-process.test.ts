/** The relay under test as a process: real ones, good and bad, and nothing of them is left. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { livingWith } from '../../src/replay/process-table.ts';
import { parseRelayCommand } from '../../src/replay/relay-command.ts';
import { type RelayEvidence, relayTroubleOf } from '../../src/replay/relay-evidence.ts';
import { RelayProcess, withRelay } from '../../src/replay/relay-process.ts';

const BAD_RELAY = fileURLToPath(new URL('../fixtures/bad-relay.mjs', import.meta.url));

const optionsOf = (text: string) => ({
  command: parseRelayCommand(text),
  domain: 'market_data',
  startMsMax: 5_000,
  stopMsMax: 5_000,
});

function start(text: string, limits: { startMsMax?: number; stopMsMax?: number } = {}) {
  const options = { ...optionsOf(text), ...limits };
  const relay = RelayProcess.start(options);
  onTestFinished(() => relay.killNow());
  const troubleOf = (evidence: RelayEvidence) => relayTroubleOf(evidence, options);
  return { relay, troubleOf };
}

function expectNothingLeft(relay: RelayProcess): void {
  expect(existsSync(relay.directory)).toBe(false);
  expect(livingWith(`RELAYDIFF_SOCKET=${relay.socketPath}`)).toEqual([]);
}

const bad = (fault: string): string => `"${process.execPath}" "${BAD_RELAY}" ${fault} {socket}`;

describe('a relay under test', () => {
  it('listens, is told to end, and takes everything with it, also the socket that it forgot', async () => {
    const { relay, troubleOf } = start(bad('good'));
    expect(await relay.untilListening()).toBe(true);
    expect(existsSync(relay.socketPath)).toBe(true);
    const evidence = await relay.stop();
    expect(evidence).toMatchObject({ endedBy: 'request', signal: 'SIGTERM', leftBehind: 0 });
    expect(troubleOf(evidence)).toBeUndefined();
    expectNothingLeft(relay);
  });

  it('may take its socket from the environment, behind a shell', async () => {
    const { relay, troubleOf } = start(
      `WORDS='{domain}' sh -c 'echo "$WORDS $RELAYDIFF_DOMAIN"; "${process.execPath}" "${BAD_RELAY}" good "$RELAYDIFF_SOCKET"; :'`,
    );
    expect(await relay.untilListening()).toBe(true);
    const evidence = await relay.stop();
    expect(evidence.stdout.text).toBe('market_data market_data\n');
    expect(evidence.leftBehind).toBe(0);
    expect(troubleOf(evidence)).toBeUndefined();
    expectNothingLeft(relay);
  });

  it('that crashes at once is told with its exit code and its words', async () => {
    const { relay, troubleOf } = start(bad('crash'));
    expect(await relay.untilListening()).toBe(false);
    const evidence = await relay.stop();
    expect(evidence).toMatchObject({ endedBy: 'itself', exitCode: 3, listened: false });
    expect(evidence.stderr.text).toBe('cannot read config\n');
    expect(troubleOf(evidence)).toMatchObject({ kind: 'ended-early', detail: 'exit code 3' });
    expectNothingLeft(relay);
  });

  it('that runs and never listens is given up after its time', async () => {
    const { relay, troubleOf } = start(bad('deaf'), { startMsMax: 300 });
    expect(await relay.untilListening()).toBe(false);
    expect(troubleOf(await relay.stop())).toMatchObject({ kind: 'never-listened' });
    expectNothingLeft(relay);
  });

  it('that does not exist is told as such', async () => {
    const { relay, troubleOf } = start('/nowhere/relay {socket}');
    expect(await relay.untilListening()).toBe(false);
    expect(troubleOf(await relay.stop())).toMatchObject({
      kind: 'not-started',
      detail: '/nowhere/relay: ENOENT',
    });
    expectNothingLeft(relay);
  });

  it('that does not hear SIGTERM is killed', async () => {
    const { relay, troubleOf } = start(bad('stubborn'), { stopMsMax: 200 });
    expect(await relay.untilListening()).toBe(true);
    const evidence = await relay.stop();
    expect(evidence).toMatchObject({ endedBy: 'force', signal: 'SIGKILL' });
    expect(troubleOf(evidence)).toMatchObject({ kind: 'never-stopped', detail: '0.2 s' });
    expectNothingLeft(relay);
  });

  it('that leaves processes behind, one of them in a session of its own, is swept up after', async () => {
    const { relay } = start(bad('forks'), { stopMsMax: 300 });
    expect(await relay.untilListening()).toBe(true);
    const marker = `RELAYDIFF_SOCKET=${relay.socketPath}`;
    while (livingWith(marker).length < 4) await new Promise(setImmediate);
    expect((await relay.stop()).leftBehind).toBeGreaterThanOrEqual(3);
    expectNothingLeft(relay);
  });

  it('that prints without end is read at its pace, and only the end of it is kept', async () => {
    const { relay, troubleOf } = start(bad('chatter'));
    expect(await relay.untilListening()).toBe(true);
    const evidence = await relay.stop();
    expect(evidence.stdout.bytes).toBeGreaterThan(65_536);
    expect(Buffer.byteLength(evidence.stdout.text)).toBeLessThanOrEqual(8_192);
    expect(troubleOf(evidence)).toBeUndefined();
    expectNothingLeft(relay);
  });

  it('is there for as long as it is needed, and gone when that throws', async () => {
    let seen: RelayProcess | undefined;
    const used = withRelay(optionsOf(bad('good')), async (relay) => {
      seen = relay;
      throw new Error('enough');
    });
    await expect(used).rejects.toThrow('enough');
    if (seen === undefined) throw new Error('it never ran');
    expectNothingLeft(seen);
    await expect(withRelay(optionsOf(bad('crash')), async () => undefined)).rejects.toMatchObject({
      code: 'RELAY_FAILED',
      message: 'the relay ended before it listened (exit code 3); it said: cannot read config',
    });
  });
});
