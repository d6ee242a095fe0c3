import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { encodeMessage } from '../../src/protocol/encode.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const protocol = loadBuiltInProtocol();
const PACKED = protocol.dialect('alphapulse-v2-packed');
const TODAY = protocol.dialect('torq-types');

interface Trade {
  readonly sequence: number;
  readonly price?: string;
}

/** The same trade, in the 37 bytes of the first dialect and in the 40 bytes of today's. */
function trades({ sequence, price = '6500000000000' }: Trade): {
  readonly packed: Uint8Array;
  readonly today: Uint8Array;
} {
  const common = {
    asset_id: '4779519138295185408',
    price,
    volume: '10000000',
    venue_id: 101,
    asset_type: 51,
    reserved: 0,
    side: 1,
  };
  const time = '1756000000123456789';
  const header = { version: 1, flags: 0, sequence: String(sequence), timestamp: time, checksum: 0 };
  return {
    packed: encodeMessage(
      PACKED,
      {
        header: { ...header, relay_domain: 1, source: 2 },
        tlvs: [{ type: 1, fields: { ...common, timestamp_ns: time } }],
      },
      'valid',
    ),
    today: encodeMessage(
      TODAY,
      {
        header: { ...header, relay_domain: 0, source: 3 },
        tlvs: [{ type: 1, fields: { ...common, execution_timestamp_ns: time } }],
      },
      'zero',
    ),
  };
}

const step = (stream: 'client' | 'old' | 'new', bytes: Uint8Array): CaptureStep => ({
  connection: 1,
  stream,
  bytes,
});

/** The client and the old relay speak the first dialect, the new relay today's. */
function compare(oldSide: readonly Trade[], newSide: readonly Trade[]): DiffResult {
  const path = join(temporaryDirectory(), 'a.capture');
  buildCapture(path, {
    dialect: PACKED.name,
    connections: ['publisher'],
    steps: [
      ...oldSide.map((trade) => step('client', trades(trade).packed)),
      ...oldSide.map((trade) => step('old', trades(trade).packed)),
      ...newSide.map((trade) => step('new', trades(trade).today)),
    ],
  });
  const capture = openCapture(path);
  try {
    return diffCapture(capture, { oldDialect: PACKED, newDialect: TODAY });
  } finally {
    capture.close();
  }
}

const TEN: readonly Trade[] = Array.from({ length: 10 }, (_, index) => ({ sequence: index + 1 }));

it('finds the same trades in two dialects equivalent, though no byte range of them is equal', () => {
  expect([trades(TEN[0]!).packed.length, trades(TEN[0]!).today.length]).toEqual([71, 74]);
  const result = compare(TEN, TEN);
  expect(result.verdict).toBe('same');
  expect(result.reason).toContain('10 of them written in another dialect');
  expect(result.counts).toMatchObject({
    old: 10,
    new: 10,
    pairs: 10,
    identical: 0,
    equivalent: 10,
  });
  expect(result.divergences).toEqual([]);
});

it('names a changed value by the field that both dialects share', () => {
  const changed = TEN.map((trade) => (trade.sequence === 4 ? { ...trade, price: '1' } : trade));
  const result = compare(TEN, changed);
  expect(result.verdict).toBe('different');
  expect(result.divergences).toMatchObject([
    {
      kind: 'modified',
      subject: 'Trade',
      old: { length: 71 },
      new: { length: 74 },
      differences: [
        { path: 'tlv[0].Trade.price', old: '6500000000000', new: '1', class: 'semantic' },
      ],
    },
  ]);
  expect(result.counts).toMatchObject({ pairs: 10, identical: 0, equivalent: 9 });
});

it('finds what is missing and what moved, by meaning', () => {
  const result = compare(TEN, [...TEN.slice(0, 2), ...TEN.slice(3)]);
  expect(result.counts.divergences).toMatchObject({ missing: 1, modified: 0, extra: 0 });
  expect(result.divergences[0]).toMatchObject({ kind: 'missing', identity: { sequence: '3' } });
});

it('says of a value that one layout has no room for that this is why, and groups it so', () => {
  const header = { version: 1, flags: 0, sequence: '1', timestamp: '9', checksum: 0 };
  const times = { start_timestamp_ns: '1', current_timestamp_ns: '2' };
  const trace = { source_service: 1, span_depth: 0, stage_flags: 3, reserved: 0, ...times };
  const frame = (dialect: Dialect, relay_domain: number, trace_id: string): Uint8Array =>
    encodeMessage(
      dialect,
      {
        header: { ...header, relay_domain, source: 1 },
        tlvs: [{ type: 108, fields: { ...trace, trace_id } }],
      },
      'zero',
    );
  const old = frame(PACKED, 4, '01'.repeat(16));
  const neu = frame(TODAY, 3, '01'.repeat(8));
  const path = join(temporaryDirectory(), 'a.capture');
  buildCapture(path, {
    dialect: PACKED.name,
    connections: ['publisher'],
    steps: [step('client', old), step('old', old), step('new', neu)],
  });
  const capture = openCapture(path);
  const result = diffCapture(capture, { oldDialect: PACKED, newDialect: TODAY });
  capture.close();
  expect(result.groups).toMatchObject([
    {
      kind: 'modified',
      cause: 'layout-without-room',
      title: 'TraceContext cannot be said alike in both layouts: tlv[].TraceContext.trace_id',
    },
  ]);
  expect(result.divergences[0]?.detail).toContain(
    'the 16 bytes of old do not fit into the 8 of new, which has the first 8',
  );
  expect(result.divergences[0]?.remarks?.map(({ kind }) => kind)).toContain('zero-checksum');
});

it('reports everything as changed when the new side is read with the wrong dialect', () => {
  const path = join(temporaryDirectory(), 'a.capture');
  const frames = TEN.map((trade) => trades(trade).today);
  buildCapture(path, {
    dialect: TODAY.name,
    connections: ['publisher'],
    steps: [
      ...frames.map((bytes) => step('client', bytes)),
      ...frames.map((bytes) => step('old', bytes)),
      ...frames.map((bytes) => step('new', bytes)),
    ],
  });
  const capture = openCapture(path);
  const codec = protocol.dialect('torq-codec');
  const wrong = diffCapture(capture, { oldDialect: TODAY, newDialect: codec });
  const right = diffCapture(capture, { oldDialect: TODAY, newDialect: TODAY });
  capture.close();
  expect([right.verdict, right.counts.identical]).toEqual(['same', 10]);
  expect(wrong.verdict).toBe('different');
});
