import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import {
  BROADCAST_CAPACITY,
  BroadcastRing,
  RELAY_DOMAINS,
  forwards,
} from '../../src/simulate/relay-core.ts';
import type { RelayDomainName } from '../../src/simulate/relay-core.ts';
import { delivered, enter, relayForTest, writeAlone } from './support.ts';

interface VectorStream {
  readonly name: string;
  readonly readChunks: readonly string[];
  readonly originalMarketDataForwards: 'every chunk, unchanged, in order';
  readonly originalSignalForwards: readonly string[];
  readonly originalExecutionForwards: readonly string[];
  readonly genericForwards: Readonly<Record<RelayDomainName, readonly string[]>>;
}

const streams: readonly VectorStream[] = JSON.parse(
  readFileSync(new URL('../fixtures/vector-streams.json', import.meta.url), 'utf8'),
);

test.each(streams)('each relay forwards of "$name" what the vectors say', (stream) => {
  const forwarded = (kind: 'original' | 'generic', domain: RelayDomainName): string[] =>
    stream.readChunks.filter((hex) => forwards(kind, domain, fromHex(hex)));

  expect(forwarded('original', 'market_data')).toEqual(stream.readChunks);
  expect(forwarded('original', 'signal')).toEqual(stream.originalSignalForwards);
  expect(forwarded('original', 'execution')).toEqual(stream.originalExecutionForwards);
  for (const domain of RELAY_DOMAINS) {
    expect(forwarded('generic', domain)).toEqual(stream.genericForwards[domain]);
  }
});

test('the generic market-data relay forwards the vector streams over a socket as stated', async () => {
  for (const stream of streams) {
    const relay = await relayForTest({ kind: 'generic', domain: 'market_data' });
    const client = await enter(relay);
    for (const hex of stream.readChunks) await writeAlone(relay, client, fromHex(hex));
    await delivered(relay, 1);
    await relay.close();
    await client.closed;
    expect(client.received().toString('hex'), stream.name).toBe(
      stream.genericForwards.market_data.join(''),
    );
  }
});

function chunk(value: number): Uint8Array {
  return Uint8Array.of(value);
}

describe('broadcast ring', () => {
  test('rounds the capacity of the real relays up to 16,384 slots', () => {
    expect(new BroadcastRing(BROADCAST_CAPACITY).slotCount).toBe(16_384);
    expect(new BroadcastRing(1).slotCount).toBe(1);
    expect(new BroadcastRing(8).slotCount).toBe(8);
  });

  test('a subscriber that lags learns its loss and goes on with the oldest kept chunk', () => {
    const ring = new BroadcastRing(3);
    const slow = ring.subscribe();
    for (let value = 0; value < 7; value++) ring.send(chunk(value));
    expect(slow.receive()).toEqual({ kind: 'lagged', lost: 3 });
    expect(slow.receive()).toEqual({ kind: 'chunk', chunk: chunk(3) });
  });

  test('lets a chunk go when the last subscriber has read it or left', () => {
    const ring = new BroadcastRing(4);
    const reader = ring.subscribe();
    const leaver = ring.subscribe();
    ring.send(chunk(1));
    ring.send(chunk(2));
    reader.receive();
    expect(ring.keptCount).toBe(2);
    leaver.close();
    expect(ring.keptCount).toBe(1);
    reader.receive();
    expect(ring.keptCount).toBe(0);
  });

  test('keeps nothing without subscribers, and a late one hears nothing old', () => {
    const ring = new BroadcastRing(4);
    expect(ring.send(chunk(1))).toBe(0);
    expect(ring.keptCount).toBe(0);
    expect(ring.subscribe().receive()).toEqual({ kind: 'empty' });
  });
});
