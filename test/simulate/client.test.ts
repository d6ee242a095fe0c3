import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { runClient } from '../../src/simulate/client.ts';
import { dashboard } from '../../src/simulate/clients/dashboard.ts';
import { IDENTIFICATION_FRAME } from '../../src/simulate/clients/collector.ts';
import { playScenario } from '../../src/simulate/scenario.ts';
import type { Write } from '../../src/simulate/traffic.ts';
import { delivered, enter, relayForTest, temporarySocketPath, until } from './support.ts';

const original = { kind: 'original', domain: 'market_data' } as const;

function* writes(count: number, length: number, periodMs: number): Generator<Write> {
  for (let index = 0; index < count; index++) {
    yield { bytes: new Uint8Array(length).fill(index), afterMs: index * periodMs };
  }
}

/** Comes late with every write. */
function* busyWrites(): Generator<Write> {
  for (const write of writes(41, 10, 50)) {
    const busyUntilMs = performance.now() + 40;
    while (performance.now() < busyUntilMs);
    yield write;
  }
}

test('identifies itself, plays its script, and hears everything that it sent', async () => {
  const relay = await relayForTest(original);
  const heard: Buffer[] = [];
  const result = await runClient({
    socketPath: relay.socketPath,
    identification: IDENTIFICATION_FRAME,
    script: writes(20, 50, 1),
    quietMs: 100,
    onReceived: (bytes) => heard.push(Buffer.from(bytes)),
  });
  expect(result).toEqual({ sentBytes: 32 + 1000, receivedBytes: 32 + 1000 });
  const sent = [...writes(20, 50, 1)].map(({ bytes }) => bytes);
  expect(Buffer.concat(heard)).toEqual(Buffer.concat([IDENTIFICATION_FRAME, ...sent]));
});

test('the instants of a script do not drift: a late write does not move the later ones', async () => {
  const relay = await relayForTest(original);
  const startedMs = performance.now();
  await runClient({ socketPath: relay.socketPath, script: busyWrites(), quietMs: 0 });
  const tookMs = performance.now() - startedMs;
  expect(tookMs).toBeGreaterThanOrEqual(2_000);
  // Pauses that began after each write would add up to 3,600 ms and more; a second of stalls is forgiven.
  expect(tookMs).toBeLessThan(3_500);
});

test('a dashboard reads at most 8,192 bytes at a time and stays until the relay closes', async () => {
  const relay = await relayForTest(original);
  const sizes: number[] = [];
  const run = runClient({
    ...dashboard(),
    socketPath: relay.socketPath,
    onReceived: (bytes) => sizes.push(bytes.byteLength),
  });
  await until(() => relay.stats().connections === 1);
  const publisher = await enter(relay);
  publisher.socket.write(Buffer.alloc(40_000, 7));
  await until(() => sizes.reduce((sum, size) => sum + size, 0) === 40_000);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(8_192);
  await relay.close();
  expect(await run).toEqual({ sentBytes: 0, receivedBytes: 40_000 });
});

test('a dashboard that never reads receives nothing and loses chunks; an abort ends it', async () => {
  const relay = await relayForTest({ ...original, capacity: 2 });
  const stop = new AbortController();
  const run = runClient({
    ...dashboard({ stallMs: Infinity }),
    socketPath: relay.socketPath,
    signal: stop.signal,
  });
  await until(() => relay.stats().connections === 1);
  const result = await runClient({
    socketPath: relay.socketPath,
    script: writes(40, 30_000, 1),
    quietMs: 100,
  });
  expect(result.receivedBytes).toBe(40 * 30_000);
  stop.abort();
  expect(await run).toEqual({ sentBytes: 0, receivedBytes: 0 });
  expect(relay.stats().chunksWritten).toBeLessThan(2 * relay.stats().chunksForwarded);
});

test('a stalled dashboard begins to read later and then hears what was kept for it', async () => {
  const relay = await relayForTest(original);
  let heardBytes = 0;
  const run = runClient({
    ...dashboard({ stallMs: 50 }),
    socketPath: relay.socketPath,
    onReceived: (bytes) => {
      heardBytes += bytes.byteLength;
    },
  });
  await until(() => relay.stats().connections === 1);
  const publisher = await enter(relay);
  publisher.socket.write(Buffer.alloc(20_000, 7));
  await until(() => relay.stats().chunksRead > 0);
  expect(heardBytes).toBe(0);
  await delivered(relay, 2);
  await until(() => heardBytes === 20_000);
  await relay.close();
  expect((await run).receivedBytes).toBe(20_000);
});

test('no relay, and a relay that goes away, are operating failures with their codes', async () => {
  const socketPath = await temporarySocketPath();
  await expect(runClient({ socketPath, script: [] })).rejects.toMatchObject({
    code: 'RELAY_UNREACHABLE',
  });
  const relay = await relayForTest({ ...original, socketPath });
  const run = runClient({ socketPath, script: writes(1_000, 10, 1) });
  const outcome = expect(run).rejects.toMatchObject({ code: 'CLIENT_FAILED' });
  await until(() => relay.stats().chunksRead > 0);
  await relay.close();
  await outcome;
});

test('a scenario ends its dashboards when the publishers have heard everything', async () => {
  const relay = await relayForTest(original);
  const results = await playScenario({
    socketPath: relay.socketPath,
    settleMs: 0,
    clients: [
      { label: 'dashboard', ...dashboard() },
      { label: 'first', script: writes(5, 10, 1), quietMs: 100 },
      { label: 'second', script: writes(7, 10, 1), quietMs: 100 },
    ],
  });
  expect(Object.fromEntries(results)).toEqual({
    dashboard: { sentBytes: 0, receivedBytes: 120 },
    first: { sentBytes: 50, receivedBytes: 120 },
    second: { sentBytes: 70, receivedBytes: 120 },
  });
});

test('an abort ends a scenario at once, without an error', async () => {
  const relay = await relayForTest(original);
  const stop = new AbortController();
  const play = playScenario({
    socketPath: relay.socketPath,
    settleMs: 0,
    signal: stop.signal,
    clients: [
      { label: 'dashboard', ...dashboard() },
      { label: 'publisher', script: writes(100_000, 10, 10) },
    ],
  });
  await until(() => relay.stats().chunksRead > 1);
  stop.abort();
  expect([...(await play).keys()].sort()).toEqual(['dashboard', 'publisher']);
});
