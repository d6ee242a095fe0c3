/** Captures that go out through a format and come back, and everything that they hold, to be compared. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader } from '../../src/capture/types.ts';
import { diffCapture } from '../../src/diff/diff-capture.ts';
import { exportPcapng } from '../../src/formats/export-pcapng.ts';
import { parsePcapng } from '../../src/formats/import-pcapng.ts';
import { type Imported, importRecords } from '../../src/formats/import-records.ts';
import { InputFile, streamBytes } from '../../src/formats/input-file.ts';
import { exportMessagePack, parseMessagePack } from '../../src/formats/message-pack.ts';
import { exportNdjson, parseNdjson } from '../../src/formats/ndjson.ts';
import type { CaptureRecord, Placed } from '../../src/formats/record.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { H3 } from '../support/frames.ts';

export const FORMATS = ['ndjson', 'msgpack', 'pcapng'] as const;
export type Format = (typeof FORMATS)[number];

const dialect = loadBuiltInProtocol().dialect('torq-codec');

function withCapture<T>(path: string, work: (capture: CaptureReader) => T): T {
  const capture = openCapture(path);
  try {
    return work(capture);
  } finally {
    capture.close();
  }
}

/** Writes `capture` as `file`. */
export function exportAs(format: Format, capture: string, file: string): void {
  withCapture(capture, (reader) => {
    const pieces = {
      ndjson: () => exportNdjson(reader, 'test'),
      msgpack: () => exportMessagePack(reader, 'test'),
      pcapng: () => exportPcapng(reader, H3, 'test'),
    }[format]();
    writeFileSync(file, Buffer.concat([...pieces]));
  });
}

export async function importAs(
  format: Format,
  file: string,
  out: string,
  keepsPartial = false,
): Promise<Imported> {
  const input = new InputFile(file);
  const records: AsyncIterable<Placed<CaptureRecord>> | Iterable<Placed<CaptureRecord>> = {
    ndjson: () =>
      parseNdjson(
        streamBytes(file, () => undefined),
        file,
      ),
    msgpack: () =>
      parseMessagePack(
        streamBytes(file, () => undefined),
        file,
      ),
    pcapng: () => parsePcapng(input, () => undefined),
  }[format]();
  try {
    return await importRecords(out, records, { file, layoutOf: () => H3, keepsPartial });
  } finally {
    input.close();
  }
}

/** Everything that a capture says, but for which file of a rotated recording it is. */
export function contents(path: string) {
  return withCapture(path, (capture) => {
    const { part: _, ...info } = capture.info;
    return {
      info,
      schemas: [...capture.protocolSchemas()],
      connections: capture.connections(),
      streams: capture.streams().map(({ id: _id, ...stream }) => stream),
      chunks: capture.streams().map(({ id }) =>
        [...capture.chunks(id)].map((chunk) => ({
          ...chunk,
          bytes: Buffer.from(chunk.bytes).toString('hex'),
        })),
      ),
      restarts: capture.streams().map(({ connection, kind }) => capture.restarts(connection, kind)),
      events: [...capture.events()],
      gaps: capture.gaps().map((gap) => ({
        ...gap,
        firstHeader: gap.firstHeader && Buffer.from(gap.firstHeader).toString('hex'),
        lastHeader: gap.lastHeader && Buffer.from(gap.lastHeader).toString('hex'),
      })),
      accounts: capture.accounts(),
    };
  });
}

export function expectSameDiff(left: string, right: string): void {
  const resultOf = (path: string): unknown =>
    withCapture(path, (capture) =>
      diffCapture(capture, { oldDialect: dialect, newDialect: dialect }),
    );
  expect(resultOf(right)).toEqual(resultOf(left));
}

/** A file without its last bytes. */
export function truncated(file: string, bytes: number): string {
  const short = `${file}.${bytes}`;
  writeFileSync(short, readFileSync(file).subarray(0, bytes));
  return short;
}
