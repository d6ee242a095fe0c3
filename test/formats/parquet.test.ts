/** Messages as Parquet, read by another engine: Apache Arrow's in Rust. */
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { readParquet } from 'parquet-wasm';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { exportParquet } from '../../src/formats/parquet.ts';
import { capturedMessages } from '../../src/inspect/messages.ts';
import { jsonText } from '../../src/lib/json-text.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { buildCapture, type CaptureStep } from '../support/capture-builder.ts';
import { concat, testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const dialect = loadBuiltInProtocol().dialect('torq-codec');

function capture(steps: readonly CaptureStep[]): string {
  const path = join(temporaryDirectory(), 'a.capture');
  buildCapture(path, { connections: ['publisher', 'reader'], steps });
  return path;
}

function piecesOf(path: string): readonly Uint8Array[] {
  const reader = openCapture(path);
  try {
    return [...exportParquet(reader, dialect, 'test')];
  } finally {
    reader.close();
  }
}

/** Rows as another engine reads them. */
function readBack(path: string): {
  readonly rows: readonly Readonly<Record<string, unknown>>[];
  readonly types: Readonly<Record<string, string>>;
  readonly metadata: ReadonlyMap<string, string>;
} {
  const table = tableFromIPC(readParquet(Buffer.concat(piecesOf(path))).intoIPCStream());
  return {
    rows: table.toArray().map((row: { toJSON: () => Record<string, unknown> }) => row.toJSON()),
    types: Object.fromEntries(table.schema.fields.map(({ name, type }) => [name, String(type)])),
    metadata: table.schema.metadata,
  };
}

function asJson(value: unknown): unknown {
  return JSON.parse(jsonText(value));
}

const large = 2n ** 64n - 1n;

/** Frames, a wrong checksum, a defect, a gap, a tail. */
function sample(): string {
  const wrong = testFrame(9);
  wrong[40] = 0xff;
  return capture([
    { connection: 1, stream: 'client', bytes: testFrame(1, { sequence: large, timestamp: large }) },
    { connection: 1, stream: 'old', bytes: concat([testFrame(2), wrong]) },
    { connection: 2, stream: 'old', bytes: new Uint8Array(50).fill(7) },
    { connection: 2, stream: 'old', bytes: testFrame(3) },
    {
      gap: {
        connection: 2,
        stream: 'old',
        where: 'recording',
        reason: 'spool-full',
        offset: 50 + testFrame(3).length,
        bytes: 5_000,
        frames: 3,
        firstTimeNs: 5_000_000n,
        lastTimeNs: 5_000_000n,
      },
    },
    { connection: 2, stream: 'new', bytes: testFrame(4, { domain: 77 }).subarray(0, 60) },
  ]);
}

describe('a capture as Parquet', () => {
  it('has the rows that messages lists, in the same order, with the same words', () => {
    const path = sample();
    const { rows } = readBack(path);
    const reader = openCapture(path);
    const listed = [...capturedMessages(reader, dialect, () => true, { remarks: false })].map(
      asJson,
    );
    reader.close();
    const places = rows.map((row) => {
      const { connection, stream, time_ns: time, message } = row;
      const shared = { connection, stream, arrivalNs: String(time) };
      const rest = JSON.parse(String(message));
      if (row['kind'] === 'gap') return { ...shared, ...rest };
      const numbers = ['ordinal', 'offset', 'length'].map((name) => [name, Number(row[name])]);
      return { ...shared, ...Object.fromEntries(numbers), ...rest };
    });
    expect(places).toEqual(listed);
    expect(rows.map(({ kind }) => kind)).toEqual([
      'frame',
      'frame',
      'frame',
      'defect',
      'frame',
      'gap',
      'tail',
    ]);
  });

  it('keeps 64 bits, times to the nanosecond, bytes, states, and what is not there as null', () => {
    const { rows, types, metadata } = readBack(sample());
    const [first, second, third, defect, , gap] = rows;
    expect(first).toMatchObject({ sequence: large, timestamp: large, domain_name: 'MarketData' });
    expect(first?.['bytes']).toEqual(testFrame(1, { sequence: large, timestamp: large }));
    expect(second).toMatchObject({ ordinal: 0n, offset: 0n, length: 100n, label: 'publisher' });
    expect(second?.['checksum']).toBe('valid');
    expect(third?.['checksum']).toBe('wrong');
    expect(defect).toMatchObject({ sequence: null, domain: null, checksum: null });
    expect(defect?.['defect']).toBe('bad-magic');
    expect(gap).toMatchObject({ defect: 'spool-full', length: 5_000n, ordinal: null });
    expect(String(gap?.['detail'])).toContain('3 frames, 5,000 bytes not recorded (spool-full)');
    expect(types).toMatchObject({
      sequence: 'Uint64',
      timestamp: 'Uint64',
      time_ns: 'Int64',
      arrived: 'Timestamp<NANOSECOND, UTC>',
      connection: 'Int32',
      bytes: 'Binary',
      message: 'Utf8',
    });
    expect(JSON.stringify([second?.['tlv_types'], second?.['tlv_names']])).toBe('[[1],["Trade"]]');
    expect(metadata.get('relaydiff.dialect')).toBe('torq-codec');
    expect(metadata.get('relaydiff.started_unix_ns')).toBe('1700000000000000000');
  });

  it('writes a row group after the other, and says when there is nothing to write', () => {
    const frames = Array.from({ length: 170 }, (_, index) => testFrame(index, { valueBytes: 30 }));
    const steps = Array.from({ length: 50 }, () => ({
      connection: 1,
      stream: 'old' as const,
      bytes: concat(frames),
    }));
    const many = piecesOf(capture(steps));
    expect(tableFromIPC(readParquet(Buffer.concat(many)).intoIPCStream()).numRows).toBe(8_500);
    // Two groups and the footer.
    expect(many).toHaveLength(3);
    expect(() => piecesOf(capture([]))).toThrow(/no message and no gap/);
  });
});
