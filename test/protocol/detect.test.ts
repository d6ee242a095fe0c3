/** Which dialect a sample speaks: what is certain, what is equal, and what a relay with other numbers does. */
import { describe, expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { detectDialect } from '../../src/protocol/detect.ts';
import { domainUses, numberingWarnings } from '../../src/protocol/domain-use.ts';
import { type EncodableTlv, encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { vectors } from './vectors.ts';

const protocol = loadBuiltInProtocol();

/** The vectors of a dialect that carry TLVs, which is what a detection can go by. */
function framesOf(dialect: string): Uint8Array[] {
  return vectors.valid
    .filter((vector) => vector.dialect === dialect && vector.decoded.tlvs.length > 0)
    .map(({ hex }) => fromHex(hex));
}

function messages(dialect: string, domain: number, type: number, count: number): Uint8Array[] {
  const { structs } = protocol.dialect(dialect);
  const size = type === 1 ? structs.get('TradeTLV')!.size : structs.get('ArbitrageSignalTLV')!.size;
  const tlv: EncodableTlv = { type, fields: { raw: '01'.repeat(size) } };
  return Array.from({ length: count }, (_, index) => {
    const numbers = { sequence: String(index + 1), timestamp: '1756000000123456789' };
    const header = { relay_domain: domain, version: 1, source: 1, flags: 0, ...numbers };
    return encodeMessage(protocol.dialect(dialect), { header, tlvs: [tlv] }, 'valid');
  });
}

describe('the frames of each dialect', () => {
  // Seldom is a sample unique to one: late and types differ in a source and a declared size only.
  const EXPECTED: readonly (readonly [string, readonly string[]])[] = [
    ['alphapulse-early', ['alphapulse-early']],
    ['alphapulse-v2-packed', ['alphapulse-v2-packed']],
    ['alphapulse-v2-aligned', ['alphapulse-v2-aligned']],
    ['alphapulse-v2-seqfirst', ['alphapulse-v2-seqfirst']],
    ['alphapulse-v2-magicfirst', ['alphapulse-v2-magicfirst']],
    ['torq-types', ['torq-types']],
  ];

  test.each(EXPECTED)('%s', (name, best) => {
    expect(detectDialect(protocol, { frames: framesOf(name) }).best).toEqual(best);
  });

  test.each(EXPECTED)('%s, from the bytes of a stream alone', (name, best) => {
    const streams = [Buffer.concat([...framesOf(name), ...framesOf(name)])];
    const { candidates, best: found } = detectDialect(protocol, { frames: [], streams });
    expect(found).toEqual(best);
    expect(candidates[0]?.layout).toMatchObject({
      framedBytes: streams[0]?.byteLength,
      streamBytes: streams[0]?.byteLength,
    });
  });
});

test('Trades with domain 0 are of the two dialects that number so, and equally of both', () => {
  const detection = detectDialect(protocol, { frames: messages('torq-types', 0, 1, 300) });
  expect(detection.best).toEqual(['alphapulse-late', 'torq-types']);
  expect(detection.summary).toBe('the sample does not decide between alphapulse-late, torq-types');
  expect(detection.numbering).toEqual([
    'domain 0 on 300 MarketData messages: so number alphapulse-late, torq-types',
  ]);
  expect(detection.candidates[0]?.evidence).toEqual(
    expect.arrayContaining([
      '300 of 300 frames: magic at 0, payload_size at 24, the TLVs fill it (H3)',
      '300 of 300 checksums are right without bytes 28 to 31',
      'domain 0 on 300 MarketData messages: as alphapulse-late numbers',
      '300 Trade of 40 bytes: as alphapulse-late has',
    ]),
  );
  const codec = detection.candidates.find(({ dialect }) => dialect === 'torq-codec');
  expect(codec?.meaning.domains).toEqual({ agreeing: 0, contradicting: 300 });
  expect(codec?.rank).toBeGreaterThan(2);
});

test('the size of a Trade tells packed from aligned under one header order', () => {
  const detection = detectDialect(protocol, { frames: messages('alphapulse-v2-packed', 1, 1, 20) });
  expect(detection.best).toEqual(['alphapulse-v2-packed']);
  const aligned = detection.candidates.find(({ dialect }) => dialect === 'alphapulse-v2-aligned');
  expect(aligned?.evidence).toContain('20 Trade of 37 bytes: not as alphapulse-v2-aligned has');
});

test('a stream that was cut with the wrong header order is found by its bytes', () => {
  const streams = [Buffer.concat(messages('alphapulse-v2-packed', 1, 1, 50))];
  const wrong = messages('torq-types', 1, 1, 1);
  const { best, candidates } = detectDialect(protocol, { frames: wrong, streams });
  expect(best).toEqual(['alphapulse-v2-packed']);
  expect(candidates[0]?.evidence).toContain('3550 of 3550 bytes of the streams are frames of H1');
});

test('nothing that is a frame gives no candidate', () => {
  const noise = new Uint8Array(500).fill(9);
  const detection = detectDialect(protocol, { frames: [noise], streams: [noise] });
  expect(detection).toMatchObject({ candidates: [], best: [], domains: [], truncated: false });
  expect(detection.summary).toMatch(/^no header order fits/);
});

test('a sample over the limits is cut, and says so', () => {
  const limits = { framesMax: 10, frameBytesMax: 10_000, streamBytesMax: 100 };
  const frames = messages('torq-types', 0, 1, 11);
  const cut = detectDialect(protocol, { frames }, limits);
  expect([cut.truncated, cut.candidates[0]?.layout.frames]).toEqual([true, 10]);
  expect(detectDialect(protocol, { frames: frames.slice(1) }, limits).truncated).toBe(false);
  const heavy = detectDialect(protocol, { frames }, { ...limits, frameBytesMax: 200 });
  expect([heavy.truncated, heavy.candidates[0]?.layout.frames]).toEqual([true, 2]);
  const streams = [Buffer.concat(frames)];
  const long = detectDialect(protocol, { frames: [], streams }, limits);
  expect([long.truncated, long.candidates[0]?.layout.streamBytes]).toEqual([true, 100]);
});

describe('a relay that compares with other numbers', () => {
  const types = protocol.dialect('torq-types');

  test('drops the market data of libs/types, and passes its signals as market data', () => {
    const frames = [...messages('torq-types', 0, 1, 3), ...messages('torq-types', 1, 32, 1)];
    const uses = domainUses(types, frames);
    expect(uses).toEqual([
      { number: 0, domain: 'MarketData', messages: 3 },
      { number: 1, domain: 'Signal', messages: 1 },
    ]);
    expect(numberingWarnings(uses).map(({ kind, relay, detail }) => [kind, relay, detail])).toEqual(
      [
        [
          'dropped',
          'MarketData',
          '3 MarketData messages carry domain 0: the MarketData relay compares with 1 and drops them',
        ],
        [
          'dropped',
          'Signal',
          '1 Signal message carries domain 1: the Signal relay compares with 2 and drops them',
        ],
        [
          'passes-wrong-relay',
          'MarketData',
          '1 Signal message carries domain 1: the MarketData relay compares with 1 and passes them on',
        ],
      ],
    );
  });

  test('has nothing to say against the numbering that it uses itself', () => {
    const codec = protocol.dialect('torq-codec');
    const uses = domainUses(codec, messages('torq-codec', 1, 1, 3));
    expect(numberingWarnings(uses)).toEqual([]);
    expect(numberingWarnings(uses, types.domains.names).map(({ kind }) => kind)).toEqual([
      'dropped',
      'passes-wrong-relay',
    ]);
  });

  test('system messages have no relay to be dropped by, yet pass another one', () => {
    const system = vectors.valid.find(({ name }) => name === 'torq/system-health')!;
    const uses = domainUses(types, [fromHex(system.hex), new Uint8Array(3)]);
    expect(uses).toEqual([{ number: 3, domain: 'System', messages: 1 }]);
    expect(numberingWarnings(uses).map(({ kind, relay }) => [kind, relay])).toEqual([
      ['passes-wrong-relay', 'Execution'],
    ]);
  });
});
