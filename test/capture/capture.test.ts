import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { type ChunkToWrite, CaptureWriter } from '../../src/capture/writer.ts';
import { readSpans } from '../../src/capture/spans.ts';
import type { StreamKind } from '../../src/capture/types.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { ANY_START, codeOf } from '../support/captures.ts';
import { concat, H3, testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const step = (stream: StreamKind, bytes: Uint8Array, connection = 1) => ({
  connection,
  stream,
  bytes,
});

describe('a capture', () => {
  it('gives back every chunk of every stream with its time and order', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            connection: fc.constantFrom(1, 2),
            stream: fc.constantFrom<StreamKind>('client', 'old', 'new'),
            bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
          }),
          { maxLength: 40 },
        ),
        (steps) => {
          const path = join(temporaryDirectory(), 'a.capture');
          buildCapture(path, { connections: ['a', 'b'], steps });
          const capture = openCapture(path);
          for (const stream of capture.streams()) {
            const sent = steps
              .map((each, index) => ({ ...each, ordinal: index + 1 }))
              .filter((s) => s.connection === stream.connection && s.stream === stream.kind);
            const read = [...capture.chunks(stream.id)];
            expect(read.map((chunk) => chunk.ordinal)).toEqual(sent.map((s) => s.ordinal));
            expect(read.map((chunk) => Buffer.from(chunk.bytes).toString('hex'))).toEqual(
              sent.map((s) => Buffer.from(s.bytes).toString('hex')),
            );
            expect(read.every((c) => c.timeNs === BigInt(c.ordinal) * 1_000_000n)).toBe(true);
            expect(stream.bytes).toBe(sent.reduce((sum, s) => sum + s.bytes.length, 0));
          }
          capture.close();
        },
      ),
      { numRuns: 30 },
    );
  });

  it('is one file, readable by its owner only, and plain sqlite3 can read it', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'a.capture');
    buildCapture(path, { connections: ['publisher'], steps: [step('client', testFrame(1))] });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const database = new Database(path, { readonly: true });
    expect(database.pragma('application_id', { simple: true })).toBe(0x52444346);
    expect(database.pragma('user_version', { simple: true })).toBe(2);
    expect(database.prepare('SELECT label, kind, bytes FROM stream_summary').all()).toEqual([
      { label: 'publisher', kind: 'client', bytes: 100 },
    ]);
    database.close();
    expect(execFileSync('ls', [directory], { encoding: 'utf8' }).trim()).toBe('a.capture');
  });

  it('opens without its seal and holds what was flushed', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const steps = [step('client', testFrame(1))];
    buildCapture(path, { connections: ['a'], steps, sealed: false });
    const capture = openCapture(path);
    expect(capture.info.sealed).toBe(false);
    expect(capture.info.durationNs).toBe(1_000_000n);
    expect([...capture.chunks(1)]).toHaveLength(1);
    capture.close();
  });

  it('lasts as long whether it is sealed or not, also where a gap comes last', () => {
    const durations = [true, false].map((sealed) => {
      const path = join(temporaryDirectory(), 'a.capture');
      const gap = {
        connection: 1,
        stream: 'client' as const,
        where: 'recording' as const,
        reason: 'spool-full',
        offset: 100,
        bytes: 7,
        frames: undefined,
        firstTimeNs: 2_000_000n,
        lastTimeNs: 3_000_000n,
      };
      const steps = [step('client', testFrame(1)), { gap }];
      buildCapture(path, { connections: ['a'], steps, sealed });
      const capture = openCapture(path);
      capture.close();
      return capture.info.durationNs;
    });
    expect(durations).toEqual([3_000_000n, 3_000_000n]);
  });

  it('reports bytes that changed on the disk instead of returning them', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    buildCapture(path, { connections: ['a'], steps: [step('client', testFrame(1))] });
    const database = new Database(path);
    database.exec('UPDATE block SET bytes = zeroblob(length(bytes))');
    database.close();
    const capture = openCapture(path);
    expect(codeOf(() => [...capture.chunks(1)])).toBe('CAPTURE_DAMAGED');
    capture.close();
  });

  it('refuses what is no capture, and says what it is', () => {
    const directory = temporaryDirectory();
    const foreign = join(directory, 'foreign.db');
    new Database(foreign).exec('CREATE TABLE t (x)').close();
    const text = join(directory, 'text');
    writeFileSync(text, 'hello, this is no database at all, only some text that is long enough');
    const future = join(directory, 'future.capture');
    buildCapture(future, { connections: [], steps: [] });
    const database = new Database(future);
    database.pragma('user_version = 999');
    database.close();
    const past = join(directory, 'past.capture');
    buildCapture(past, { connections: [], steps: [] });
    const first = new Database(past);
    first.pragma('user_version = 1');
    first.close();
    mkdirSync(join(directory, 'folder'));
    expect(codeOf(() => openCapture(foreign))).toBe('NOT_A_CAPTURE');
    expect(codeOf(() => openCapture(text))).toBe('NOT_A_CAPTURE');
    expect(codeOf(() => openCapture(future))).toBe('CAPTURE_NEWER');
    expect(codeOf(() => openCapture(past))).toBe('CAPTURE_OLDER');
    expect(codeOf(() => openCapture(join(directory, 'none')))).toBe('CAPTURE_NOT_FOUND');
    expect(codeOf(() => openCapture(join(directory, 'folder')))).toBe('CAPTURE_UNREADABLE');
  });

  it('never overwrites a file, and needs a directory', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'a.capture');
    writeFileSync(path, 'precious');
    expect(codeOf(() => buildCapture(path, { connections: [], steps: [] }))).toBe('CAPTURE_EXISTS');
    const nowhere = join(directory, 'no', 'a.capture');
    expect(codeOf(() => buildCapture(nowhere, { connections: [], steps: [] }))).toBe(
      'CAPTURE_UNWRITABLE',
    );
  });

  it('keeps what could not be stored, and stores it once when it can', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const writer = CaptureWriter.create(path, ANY_START);
    const chunk = (ordinal: number): ChunkToWrite => ({
      connection: 1,
      stream: 'client',
      ordinal,
      timeNs: BigInt(ordinal),
      offset: (ordinal - 1) * 100,
      bytes: testFrame(ordinal),
    });
    writer.addConnection({ id: 1, label: 'a', openedNs: 0n });
    writer.addChunk(chunk(1));
    const other = new Database(path);
    other.exec('BEGIN IMMEDIATE');
    expect(codeOf(() => writer.flush())).toBe('CAPTURE_UNWRITABLE');
    writer.addChunk(chunk(2));
    expect(codeOf(() => writer.flush())).toBe('CAPTURE_UNWRITABLE');
    other.exec('ROLLBACK');
    other.close();
    writer.flush();
    writer.addChunk(chunk(3));
    writer.seal();
    const capture = openCapture(path);
    expect(capture.info.sealed).toBe(true);
    expect([...capture.chunks(1)].map((each) => each.ordinal)).toEqual([1, 2, 3]);
    capture.close();
  });

  it('is sealed and whole when a reader keeps it from being tidied up', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const writer = CaptureWriter.create(path, ANY_START);
    writer.addConnection({ id: 1, label: 'a', openedNs: 0n });
    writer.flush();
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM connection').get();
    writer.seal();
    reader.close();
    const capture = openCapture(path);
    expect([capture.info.sealed, capture.connections().length]).toEqual([true, 1]);
    capture.close();
  });

  it('reports rows that cannot be, instead of trusting them', () => {
    for (const change of [
      'UPDATE segment SET byte_count = 0',
      'UPDATE segment SET byte_count = byte_count + 1',
      "UPDATE segment SET chunk_table = x'93000000'",
      "UPDATE segment SET chunk_table = x'01'",
    ]) {
      const path = join(temporaryDirectory(), 'a.capture');
      buildCapture(path, { connections: ['a'], steps: [step('client', testFrame(1))] });
      const database = new Database(path);
      database.exec(change);
      database.close();
      const capture = openCapture(path);
      expect([change, codeOf(() => [...capture.chunks(1)])]).toEqual([change, 'CAPTURE_DAMAGED']);
      capture.close();
    }
  });

  it('reports a damaged database', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    buildCapture(path, { connections: ['a'], steps: [step('client', testFrame(1))] });
    const file = openSync(path, 'r+');
    writeSync(file, Buffer.alloc(4_096, 0xa5), 0, 4_096, 4_096);
    closeSync(file);
    expect(codeOf(() => openCapture(path).streams())).toBe('CAPTURE_DAMAGED');
  });
});

describe('the spans of a stream', () => {
  it('arrive with the chunk that brought their last byte', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const frame = testFrame(1);
    buildCapture(path, {
      connections: ['a'],
      steps: [
        step('client', frame.subarray(0, 40)),
        step('client', concat([frame.subarray(40), testFrame(2), testFrame(3).subarray(0, 10)])),
      ],
    });
    const capture = openCapture(path);
    const spans = [...readSpans(capture, { id: 1, connection: 1, kind: 'client' }, H3)];
    expect(spans.map((s) => [s.span.kind, s.span.offset, s.arrivalOrdinal, s.index])).toEqual([
      ['frame', 0, 2, 0],
      ['frame', 100, 2, 1],
      ['tail', 200, 2, 2],
    ]);
    capture.close();
  });

  it('do not go on across a new life of the relay: what was begun is a tail, what follows is in step', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    buildCapture(path, {
      connections: ['a'],
      steps: [
        step('new', concat([testFrame(1), testFrame(2).subarray(0, 40)])),
        {
          connection: 1,
          event: 'upstream-open',
          on: 'new',
          details: { life: 2, downMs: 100, offset: 140 },
        },
        step('new', testFrame(3)),
      ],
    });
    const capture = openCapture(path);
    const spans = [...readSpans(capture, { id: 1, connection: 1, kind: 'new' }, H3)];
    expect(spans.map((s) => [s.span.kind, s.span.offset, s.index])).toEqual([
      ['frame', 0, 0],
      ['tail', 100, 1],
      ['frame', 140, 2],
    ]);
    capture.close();
  });

  it('go on behind a recording gap, out of step', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const gap = {
      connection: 1,
      stream: 'client' as const,
      where: 'recording' as const,
      reason: 'spool-full',
      offset: 100,
      bytes: 50,
      frames: undefined,
      firstHeader: undefined,
      lastHeader: undefined,
      firstTimeNs: 1n,
      lastTimeNs: 2n,
    };
    buildCapture(path, {
      connections: ['a'],
      steps: [
        step('client', testFrame(1)),
        { gap },
        step('client', concat([testFrame(2).subarray(50), testFrame(3)])),
      ],
    });
    const capture = openCapture(path);
    expect(capture.gaps()).toEqual([gap]);
    const spans = [...readSpans(capture, { id: 1, connection: 1, kind: 'client' }, H3)];
    expect(spans.map((s) => [s.span.kind, s.span.offset])).toEqual([
      ['frame', 0],
      ['defect', 150],
      ['frame', 200],
    ]);
    capture.close();
  });
});
