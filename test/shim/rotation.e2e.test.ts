/** A recording that is spread over several files, as users make it. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { startRelay } from '../../src/simulate/relay.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli, startCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

async function relayAt(path: string): Promise<void> {
  const relay = await startRelay({ kind: 'original', domain: 'market_data', socketPath: path });
  onTestFinished(() => relay.close());
}

it('loses nothing where one file follows another, and is diffed as one capture', async () => {
  const directory = temporaryDirectory();
  const at = (name: string): string => join(directory, name);
  await relayAt(at('old'));
  await relayAt(at('new'));
  const sockets = ['--listen', at('live'), '--old', at('old'), '--new', at('new')];
  const record = startCli(['record', ...sockets, '--out', at('md.capture'), '--rotate', '1mb']);
  await record.says('recording ');
  const client = connect(at('live'));
  onTestFinished(() => {
    client.destroy();
  });
  await once(client, 'connect');
  let receivedBytes = 0;
  client.on('data', (bytes) => (receivedBytes += bytes.length));
  const sent: Uint8Array[] = [];
  let sentBytes = 0;
  const parts = (): readonly string[] =>
    readdirSync(directory).filter((name) => /\d\.capture$/.test(name));
  for (let burst = 0; parts().length < 4; burst++) {
    const bytes = concat(
      Array.from({ length: 100 }, (_, index) =>
        testFrame(burst * 100 + index, { valueBytes: 200 }),
      ),
    );
    sent.push(bytes);
    sentBytes += bytes.length;
    client.write(bytes);
    await until(() => receivedBytes === sentBytes);
  }
  expect(await record.stop()).toBe(0);
  const capture = openCapture(at('md.capture'));
  expect(capture.info.sealed).toBe(true);
  expect(capture.gaps()).toEqual([]);
  for (const stream of capture.streams()) {
    const bytes = concat([...capture.chunks(stream.id)].map((chunk) => chunk.bytes));
    expect(Buffer.from(bytes).equals(concat(sent))).toBe(true);
  }
  const account = capture.accounts().find((each) => each.stream === 'client');
  expect(account).toMatchObject({ seenBytes: sentBytes, mirroredBytes: sentBytes });
  capture.close();
  expect(runCli(['diff', at('md.capture')]).exitCode).toBe(0);
  expect(runCli(['info', at('md.0002.capture')]).stdout).toContain('file 2 of a rotated recording');
});

it('is refused with limits that cannot be kept', () => {
  const paths = [
    '--listen',
    '/tmp/l',
    '--old',
    '/tmp/o',
    '--new',
    '/tmp/n',
    '--out',
    '/tmp/x.capture',
  ];
  const refusal = (...options: readonly string[]): string => {
    const { exitCode, stderr } = runCli(['record', ...paths, ...options]);
    expect(exitCode).toBe(2);
    return stderr;
  };
  expect(refusal('--rotate', '10m')).toContain('256mb, 1gb, 30min, 1h');
  expect(refusal('--rotate', '1kb')).toContain('at least 1mb');
  expect(refusal('--keep', '3')).toContain('--keep needs --rotate');
  expect(refusal('--keep', '1', '--rotate', '1h')).toContain('at least 2');
  expect(refusal('--max-disk', '1m')).toContain('at least 8m');
});
