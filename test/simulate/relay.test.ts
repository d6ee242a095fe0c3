import { once } from 'node:events';
import { lstat, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { READ_BUFFER_BYTES } from '../../src/simulate/relay-core.ts';
import {
  delivered,
  enter,
  relayForTest,
  temporarySocketPath,
  until,
  writeAlone,
} from './support.ts';

function filled(length: number, value: number): Buffer {
  return Buffer.alloc(length, value);
}

test('a client that does not read loses the oldest chunks and delays nobody', async () => {
  const lines: string[] = [];
  const relay = await relayForTest({
    kind: 'original',
    domain: 'market_data',
    capacity: 4,
    log: (line) => lines.push(line),
  });
  const publisher = await enter(relay);
  const reader = await enter(relay);
  const slow = await enter(relay);
  slow.socket.pause();

  const chunks = Array.from({ length: 60 }, (_, index) => filled(32_768, index));
  for (const [index, chunk] of chunks.entries()) {
    await writeAlone(relay, publisher, chunk);
    await until(() => reader.received().byteLength >= (index + 1) * chunk.byteLength);
  }
  expect(reader.received().equals(Buffer.concat(chunks))).toBe(true);

  slow.socket.resume();
  await delivered(relay, 3);
  const { lagged } = relay.stats();
  expect(lagged).toBeGreaterThan(0);
  expect(lines).toContain(`warning: connection 2 lagged, dropped ${lagged}`);
  await relay.close();
  await slow.closed;
  // The first chunks were in flight, the last four were kept; what is missing lies between them.
  const got = slow.received();
  expect(got.byteLength).toBe((chunks.length - lagged) * 32_768);
  const early = chunks.length - lagged - 4;
  const expected = [...chunks.slice(0, early), ...chunks.slice(-4)];
  expect(got.equals(Buffer.concat(expected))).toBe(true);
});

test.each(['original', 'generic'] as const)(
  'a half-closed client of the %s market-data relay goes on receiving',
  async (kind) => {
    const relay = await relayForTest({ kind, domain: 'market_data' });
    const publisher = await enter(relay);
    const listener = await enter(relay);
    listener.socket.end();
    await once(listener.socket, 'finish');
    const frame = Buffer.concat([Buffer.from('efbeadde01', 'hex'), filled(95, 0)]);
    await writeAlone(relay, publisher, frame);
    await until(() => listener.received().byteLength >= frame.byteLength);
    expect(listener.received().equals(frame)).toBe(true);
    expect(relay.stats().connections).toBe(2);
  },
);

test.each(['signal', 'execution'] as const)(
  'the original %s relay reads, sends nothing, and forgets a client that ends its side',
  async (domain) => {
    const relay = await relayForTest({ kind: 'original', domain });
    const client = await enter(relay);
    await writeAlone(relay, client, filled(100, 1));
    client.socket.end();
    await client.closed;
    await until(() => relay.stats().connections === 0);
    expect(client.received()).toHaveLength(0);
    expect(relay.stats()).toMatchObject({ chunksRead: 1, chunksForwarded: 0, chunksDropped: 1 });
  },
);

test('a client that closed completely is forgotten with the first write that fails', async () => {
  const relay = await relayForTest({ kind: 'original', domain: 'market_data' });
  const publisher = await enter(relay);
  const leaver = await enter(relay);
  leaver.socket.destroy();
  await leaver.closed;
  await writeAlone(relay, publisher, filled(40, 1));
  await until(() => relay.stats().connections === 1);
  await until(() => publisher.received().byteLength === 40);
  expect(publisher.received()).toHaveLength(40);
});

test('a chunk is never longer than the read buffer, and reads are not merged', async () => {
  const relay = await relayForTest({
    kind: 'original',
    domain: 'market_data',
    readBufferBytes: 1_000,
  });
  const client = await enter(relay);
  await writeAlone(relay, client, filled(2_500, 1));
  await writeAlone(relay, client, filled(10, 2));
  await until(() => client.received().byteLength === 2_510);
  expect(relay.stats().chunksRead).toBe(4);
});

test('a frame longer than the read buffer loses its tail in the generic relay', async () => {
  const relay = await relayForTest({ kind: 'generic', domain: 'market_data' });
  const client = await enter(relay);
  const frame = Buffer.concat([
    Buffer.from('efbeadde01', 'hex'),
    filled(READ_BUFFER_BYTES * 3, 0x55),
  ]);
  client.socket.write(frame);
  await until(() => relay.stats().chunksDropped >= 1 && relay.stats().chunksRead >= 4);
  await delivered(relay, 1);
  expect(relay.stats().chunksForwarded).toBe(1);
  await relay.close();
  await client.closed;
  const got = client.received();
  expect(got.byteLength).toBeLessThanOrEqual(READ_BUFFER_BYTES);
  expect(got.equals(frame.subarray(0, got.byteLength))).toBe(true);
});

test('replaces an old socket, and on close leaves the socket of a successor alone', async () => {
  const socketPath = await temporarySocketPath();
  const first = await relayForTest({ kind: 'original', domain: 'market_data', socketPath });
  const second = await relayForTest({ kind: 'original', domain: 'market_data', socketPath });
  await first.close();
  const client = await enter(second);
  await writeAlone(second, client, filled(8, 1));
  await until(() => client.received().byteLength === 8);
  await second.close();
  await expect(lstat(socketPath)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('creates the directory, but never replaces a file that is no socket', async () => {
  const socketPath = await temporarySocketPath();
  await relayForTest({
    kind: 'generic',
    domain: 'signal',
    socketPath: `${socketPath}.d/deep/signals.sock`,
  });
  expect((await lstat(`${socketPath}.d/deep/signals.sock`)).isSocket()).toBe(true);

  await writeFile(socketPath, 'mine');
  await expect(
    relayForTest({ kind: 'generic', domain: 'signal', socketPath }),
  ).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  await expect(
    relayForTest({ kind: 'generic', domain: 'signal', socketPath: `/tmp/${'x'.repeat(300)}/s` }),
  ).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
});
