import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromHex } from '../../src/lib/bytes.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { meaningKey, meaningOf } from '../../src/protocol/meaning.ts';
import type { FieldValues } from '../../src/protocol/types.ts';

const protocol = loadBuiltInProtocol();

function frameOf(dialectName: string, type: number, fields: FieldValues, source = 3): Uint8Array {
  const dialect = protocol.dialect(dialectName);
  const domain = [...dialect.domains.names].find(([, name]) => name === 'MarketData')?.[0] ?? 0;
  return encodeMessage(
    dialect,
    {
      header: {
        relay_domain: domain,
        version: 1,
        source,
        flags: 0,
        sequence: '7',
        timestamp: '1756000000123456789',
        checksum: 0,
      },
      tlvs: [{ type, fields }],
    },
    'zero',
  );
}

const trade = (time: string): FieldValues => ({
  asset_id: '4779519138295185408',
  price: '6500000000000',
  volume: '10000000',
  [time]: '1756000000123456789',
  venue_id: 101,
  asset_type: 51,
  reserved: 0,
  side: 1,
});

function key(dialectName: string, frame: Uint8Array): string {
  return meaningKey(meaningOf(protocol.dialect(dialectName), frame));
}

describe('the meaning of a message', () => {
  it('is the same for a Trade of 37 bytes and one of 40 with the same values, under any header order', () => {
    const packed = frameOf('alphapulse-v2-packed', 1, trade('timestamp_ns'), 2);
    const today = frameOf('torq-types', 1, trade('execution_timestamp_ns'), 3);
    expect([packed.length, today.length]).toEqual([71, 74]);
    expect(key('alphapulse-v2-packed', packed)).toBe(key('torq-types', today));
  });

  it('names domains and sources instead of numbering them', () => {
    const types = frameOf('torq-types', 1, trade('execution_timestamp_ns'), 3);
    const codec = frameOf('torq-codec', 1, trade('execution_timestamp_ns'), 2);
    const meaning = meaningOf(protocol.dialect('torq-codec'), codec);
    expect(meaning.values.get('header.relay_domain')?.text).toBe('MarketData');
    expect(meaning.values.get('header.source')?.text).toBe('KrakenCollector');
    const withoutVenue = (name: string, frame: Uint8Array): string =>
      JSON.stringify(
        [...meaningOf(protocol.dialect(name), frame).values]
          .filter(([path]) => !/venue_id|asset_type/.test(path))
          .map(([path, { key: said }]) => [path, said]),
      );
    expect(withoutVenue('torq-types', types)).toBe(withoutVenue('torq-codec', codec));
  });

  it('leaves out what addresses and lists are padded with', () => {
    const address = '45dda9cb7c25131df268515131f647d726f50608';
    const time = { timestamp_ns: '1756000000123456789', venue: 300 };
    const aligned = frameOf(
      'alphapulse-v2-aligned',
      10,
      {
        ...time,
        reserves: ['1', '2', '3', '0', '0', '0', '0', '0'],
        pool_address: address + '0'.repeat(24),
        reserve_count: 3,
      },
      2,
    );
    const today = frameOf('torq-types', 10, {
      ...time,
      reserves: { count: 3, elements: ['1', '2', '3'] },
      pool_address: address,
    });
    expect(key('alphapulse-v2-aligned', aligned)).toBe(key('torq-types', today));
  });

  it('differs when a value differs, and is blind to checksum, extended form and padding', () => {
    const one = frameOf('torq-types', 1, trade('execution_timestamp_ns'));
    const padded = Uint8Array.from(one);
    padded[one.length - 1] = 0xff;
    expect(key('torq-types', padded)).toBe(key('torq-types', one));
    const dearer = Uint8Array.from(one);
    dearer[42] = (dearer[42] ?? 0) ^ 1;
    expect(key('torq-types', dearer)).not.toBe(key('torq-types', one));
  });

  it('exists for every vector, with a value for each field', () => {
    const shape = z.object({
      valid: z.array(z.object({ name: z.string(), dialect: z.string(), hex: z.string() })),
    });
    const file = new URL('../fixtures/vectors/vectors.json', import.meta.url);
    const { valid } = shape.parse(JSON.parse(readFileSync(file, 'utf8')));
    expect(valid.length).toBeGreaterThan(50);
    for (const vector of valid) {
      const meaning = meaningOf(protocol.dialect(vector.dialect), fromHex(vector.hex));
      expect(meaning.values.size).toBeGreaterThanOrEqual(6);
      for (const { text, key: said } of meaning.values.values())
        expect(`${text} ${said}`).not.toMatch(/undefined|object|NaN/);
    }
  });
});
