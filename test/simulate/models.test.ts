/** The client models, without sockets: what they write, that it decodes, and what each relay would pass on. */
import { describe, expect, test } from 'vitest';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { burstPublisherScript } from '../../src/simulate/clients/burst-publisher.ts';
import { IDENTIFICATION_FRAME, collectorScript } from '../../src/simulate/clients/collector.ts';
import { orderBookPublisherScript } from '../../src/simulate/clients/order-book-publisher.ts';
import { wrongDomainPublisherScript } from '../../src/simulate/clients/wrong-domain-publisher.ts';
import { forwards } from '../../src/simulate/relay-core.ts';
import type { RelayKind } from '../../src/simulate/relay-core.ts';
import { agreeingScenario, demoScenario } from '../../src/simulate/scenario.ts';
import type { ScenarioClient } from '../../src/simulate/scenario.ts';
import type { ScriptOptions, Write } from '../../src/simulate/traffic.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import { type SpelledMessage, spelledMessage } from '../protocol/spelled.ts';

const protocol = loadBuiltInProtocol();
const codec = protocol.dialect('torq-codec');
const clock = (): bigint => 1_756_000_000_000_000_000n;
const options: ScriptOptions = {
  dialect: codec,
  seed: 7,
  ratePerSecond: 100,
  count: 60,
  clock,
};

const models = [
  ['collector', collectorScript],
  ['burst publisher', burstPublisherScript],
  ['order-book publisher', orderBookPublisherScript],
  ['wrong-domain publisher', wrongDomainPublisherScript],
] as const;

function bytesOf(writes: readonly Write[]): Buffer {
  return Buffer.concat(writes.map(({ bytes }) => bytes));
}

/** Everything that a stream of these writes decodes to, and how many bytes of it are no frame. */
function read(
  writes: readonly Write[],
  dialect = codec,
): { readonly messages: readonly SpelledMessage[]; readonly otherBytes: number } {
  const reader = new FrameReader(dialect.header);
  const messages: SpelledMessage[] = [];
  let otherBytes = 0;
  for (const span of [...reader.push(bytesOf(writes)), ...reader.flush()]) {
    if (span.kind === 'frame') messages.push(spelledMessage(dialect, span.bytes));
    else otherBytes += span.bytes.byteLength;
  }
  return { messages, otherBytes };
}

/** What a market-data relay that reads each write alone broadcasts of them. */
function through(kind: RelayKind, writes: readonly Write[]): readonly Write[] {
  return writes.filter(({ bytes }) => forwards(kind, 'market_data', bytes));
}

function scriptOf(client: ScenarioClient | undefined): readonly Write[] {
  return client === undefined ? [] : [...client.script];
}

describe.each(models)('%s', (_, script) => {
  test('writes only frames that decode completely, exactly as many as asked for', () => {
    const { messages, otherBytes } = read([...script(options)]);
    expect(otherBytes).toBe(0);
    expect(messages).toHaveLength(60);
    for (const message of messages) {
      expect(message.defect).toBeUndefined();
      expect(message.checksum).not.toBe('wrong');
      expect(message.tlvs.map(({ layout }) => layout)).toEqual([`${message.tlvs[0]?.name}TLV`]);
    }
  });

  test('is the same for the same seed, and another for another', () => {
    const writes = [...script(options)];
    expect([...script(options)]).toEqual(writes);
    expect([...script({ ...options, seed: 8 })]).not.toEqual(writes);
  });

  test('takes nothing but header timestamps from the clock', () => {
    const later = [...script({ ...options, clock: () => clock() + 5n })];
    const moved = read(later).messages;
    for (const [index, message] of read([...script(options)]).messages.entries()) {
      const { timestamp, checksum: _, ...header } = message.header;
      expect(moved[index]).toMatchObject({ header, tlvs: message.tlvs });
      expect(moved[index]?.header.timestamp).toBe(String(BigInt(timestamp) + 5n));
    }
  });

  test('never goes back in time, and ends with its duration', () => {
    const { count: _count, ...endless } = options;
    const instants = [...script({ ...endless, durationMs: 900 })].map(({ afterMs }) => afterMs);
    expect(instants).toEqual(instants.toSorted((left, right) => left - right));
    expect(instants[0]).toBe(0);
    expect(instants.at(-1)).toBeGreaterThan(700);
    expect(instants.at(-1)).toBeLessThan(1000);
  });
});

test('the collector sends one hot-path frame a write, with one sequence for the whole process', () => {
  const writes = [...collectorScript(options)];
  const { messages } = read(writes);
  expect(writes).toHaveLength(messages.length);
  expect(messages.map(({ header }) => header.sequence)).toEqual(
    messages.map((_, index) => String(index + 1)),
  );
  expect(new Set(messages.map(({ checksum }) => checksum))).toEqual(new Set(['zero']));
  expect(new Set(messages.map(({ tlvs }) => tlvs[0]?.name))).toEqual(
    new Set(['Trade', 'Quote', 'PoolSwap', 'GasPrice']),
  );
  expect(through('generic', writes)).toEqual(writes);
});

test('the identification frame is the one that real collectors write', () => {
  expect(Buffer.from(IDENTIFICATION_FRAME).toString('hex')).toBe(
    `efbeadde01010200${'00'.repeat(24)}`,
  );
});

test('a collector with the numbers of torq-types sends domain 0, which the generic relay drops', () => {
  const dialect = protocol.dialect('torq-types');
  const writes = [...collectorScript({ ...options, dialect })];
  const { messages, otherBytes } = read(writes, dialect);
  expect(otherBytes).toBe(0);
  expect(new Set(messages.map(({ header }) => header.relay_domain))).toEqual(new Set([0]));
  expect(through('generic', writes)).toEqual([]);
  expect(through('original', writes)).toEqual(writes);
});

test('the generic relay loses the crossings of the burst publisher, and only those', () => {
  const writes = [...burstPublisherScript({ ...options, count: 400 })];
  const all = read(through('original', writes));
  const passed = read(through('generic', writes));
  expect(all.messages).toHaveLength(400);
  expect(new Set(all.messages.map(({ checksum }) => checksum))).toEqual(new Set(['valid']));
  expect(passed.messages.length).toBeLessThan(400);
  // Beginnings of frames whose rest was refused.
  expect(passed.otherBytes).toBeGreaterThan(0);

  const whole = [...burstPublisherScript({ ...options, count: 400, crossingEvery: 0 })];
  expect(through('generic', whole)).toEqual(whole);
  expect(whole.length).toBeLessThan(400 / 2 + 1);
});

test('order books are extended TLVs of 2,456 bytes', () => {
  const writes = [...orderBookPublisherScript(options)];
  expect(new Set(writes.map(({ bytes }) => bytes.byteLength))).toEqual(new Set([2493]));
  const [message] = read(writes).messages;
  expect(message?.tlvs[0]).toMatchObject({ name: 'OrderBook', extended: true, length: 2456 });
});

test('signals on the market-data relay take the good frames behind them down in the generic relay', () => {
  const writes = [...wrongDomainPublisherScript(options)];
  const { messages } = read(writes);
  const types = messages.map(({ tlvs }) => tlvs[0]?.name);
  expect(types.slice(0, 4)).toEqual(['ArbitrageSignal', 'Trade', 'Trade', 'ArbitrageSignal']);
  expect(messages[0]?.header.relay_domain).toBe(2);
  expect(messages[1]?.header.relay_domain).toBe(1);
  expect(through('generic', writes)).toEqual([]);
  expect(through('original', writes)).toEqual(writes);
});

describe('scenarios', () => {
  test('the demo has all models, and nobody writes between the two parts of a crossing', () => {
    const clients = demoScenario({ dialect: codec, seed: 1, durationMs: 10_000, clock });
    expect(clients.map(({ label }) => label)).toEqual([
      'dashboard-1',
      'dashboard-2',
      'collector',
      'order-book-publisher',
      'wrong-domain-publisher',
      'burst-publisher',
    ]);
    const written = clients.map((client) => ({ label: client.label, writes: scriptOf(client) }));
    const counts = Object.fromEntries(written.map(({ label, writes }) => [label, writes.length]));
    expect(counts).toMatchObject({ collector: 1000, 'order-book-publisher': 50 });

    const bursts = written.find(({ label }) => label === 'burst-publisher')?.writes ?? [];
    const others = written
      .filter(({ label }) => label !== 'burst-publisher')
      .flatMap(({ writes }) => writes.map(({ afterMs }) => afterMs));
    const tails = bursts.filter(
      ({ bytes }) => !Buffer.from(bytes).toString('hex').startsWith('efbeadde'),
    );
    expect(tails.length).toBeGreaterThan(10);
    for (const tail of tails) {
      const head = bursts[bursts.indexOf(tail) - 1];
      const between = others.filter((atMs) => atMs >= (head?.afterMs ?? 0) && atMs <= tail.afterMs);
      expect(between).toEqual([]);
    }
  });

  test('the agreeing one publishes exactly the messages asked for, which both relays pass', () => {
    const clients = agreeingScenario({ seed: 1, messages: 10_000, clock });
    const writes = clients.flatMap((client) => [
      ...(client.identification === undefined
        ? []
        : [{ bytes: client.identification, afterMs: 0 }]),
      ...scriptOf(client),
    ]);
    expect(clients).toHaveLength(3);
    expect(read(writes).messages).toHaveLength(10_000);
    expect(through('generic', writes)).toEqual(writes);
  });
});
