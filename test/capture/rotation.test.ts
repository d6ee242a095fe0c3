import { readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { RotatingWriter, type Rotation } from '../../src/capture/rotating-writer.ts';
import type { CaptureReader, Gap, StreamKind } from '../../src/capture/types.ts';
import { ANY_START } from '../support/captures.ts';
import { testFrame } from '../support/frames.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const START = { ...ANY_START, protocolSchemas: new Map([['a.yaml', 'a: 1']]) };

const EACH_MS: Rotation = {
  partBytesMax: undefined,
  partNsMax: 1_000_000n,
  keptParts: undefined,
  diskBytesMax: undefined,
};

interface Step {
  readonly what: 'chunk' | 'gap' | 'growing-gap' | 'event' | 'flush';
  readonly connection: number;
  readonly stream: StreamKind;
  readonly number: number;
}

/** Plays steps as the recorder does: a gap that grows is added again, chunks follow behind it. */
function play(writer: RotatingWriter, steps: readonly Step[]): void {
  const ends = new Map<string, number>();
  const growing = new Map<string, Gap>();
  for (const id of [1, 2]) writer.addConnection({ id, label: `client-${id}`, openedNs: 0n });
  for (const [index, { what, connection, stream, number }] of steps.entries()) {
    const ordinal = index + 1;
    const timeNs = BigInt(ordinal) * 400_000n;
    const key = `${connection}/${stream}`;
    const offset = ends.get(key) ?? 0;
    if (what === 'flush') writer.flush();
    if (what === 'event') {
      const details = { number };
      writer.addEvent({ ordinal, timeNs, connection, stream, kind: 'note', details });
    }
    if (what === 'chunk') {
      const bytes = testFrame(number);
      writer.addChunk({ connection, stream, ordinal, timeNs, offset, bytes });
      ends.set(key, offset + bytes.length);
      growing.delete(key);
    }
    if (what === 'gap' || what === 'growing-gap') {
      const known = growing.get(key);
      const gap: Gap = {
        connection,
        stream,
        where: 'recording',
        reason: 'spool-full',
        offset: known?.offset ?? offset,
        bytes: (known?.bytes ?? 0) + number + 1,
        frames: undefined,
        firstHeader: undefined,
        lastHeader: undefined,
        firstTimeNs: known?.firstTimeNs ?? timeNs,
        lastTimeNs: timeNs,
      };
      writer.addGap(gap);
      ends.set(key, gap.offset + gap.bytes);
      growing.set(key, gap);
    }
  }
  writer.seal();
}

function contents(capture: CaptureReader): unknown {
  const streams = capture.streams().map((row) => ({
    connection: row.connection,
    kind: row.kind,
    bytes: row.bytes,
    chunks: [...capture.chunks(row.id)].map((chunk) => ({
      ...chunk,
      bytes: Buffer.from(chunk.bytes).toString('hex'),
    })),
  }));
  const byKey = (left: { connection: number; kind: string }, right: typeof left): number =>
    `${left.connection}${left.kind}` < `${right.connection}${right.kind}` ? -1 : 1;
  return {
    info: { ...capture.info, part: undefined },
    schemas: [...capture.protocolSchemas()],
    connections: capture.connections(),
    streams: streams.filter((stream) => stream.chunks.length > 0).sort(byKey),
    gaps: new Set(capture.gaps()),
    events: [...capture.events()],
  };
}

const steps = fc.array(
  fc.record({
    what: fc.constantFrom<Step['what']>('chunk', 'chunk', 'gap', 'growing-gap', 'event', 'flush'),
    connection: fc.constantFrom(1, 2),
    stream: fc.constantFrom<StreamKind>('client', 'old', 'new'),
    number: fc.integer({ min: 0, max: 50 }),
  }),
  { minLength: 1, maxLength: 60 },
);

describe('a rotated recording', () => {
  it('reads as the one capture that it would have been', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const directory = temporaryDirectory();
        const [one, many] = [join(directory, 'one.capture'), join(directory, 'many.capture')];
        play(new RotatingWriter(one, START, undefined), script);
        play(new RotatingWriter(many, START, EACH_MS), script);
        const [whole, set] = [openCapture(one), openCapture(many)];
        expect(contents(set)).toEqual(contents(whole));
        whole.close();
        set.close();
      }),
      { numRuns: 40 },
    );
  });

  const script: Step[] = Array.from({ length: 60 }, (_, index) => ({
    what: index % 2 === 0 ? 'chunk' : 'flush',
    connection: 1,
    stream: 'client',
    number: index,
  }));

  it('says what lay in a file that is missing, first or in the middle', () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'md.capture');
    play(new RotatingWriter(out, START, EACH_MS), script);
    const names = readdirSync(directory);
    expect(names.length).toBeGreaterThan(4);
    expect(names.slice(0, 2)).toEqual(['md.0001.capture', 'md.0002.capture']);
    rmSync(join(directory, 'md.0001.capture'));
    rmSync(join(directory, 'md.0003.capture'));
    const set = openCapture(out);
    const [stream] = set.streams();
    const gapBytes = set.gaps().reduce((sum, gap) => sum + gap.bytes, 0);
    expect(set.gaps().map((gap) => [gap.reason, gap.where])).toEqual([
      ['file-missing', 'recording'],
      ['file-missing', 'recording'],
    ]);
    expect(gapBytes + (stream?.bytes ?? 0)).toBe(3_000);
    set.close();
  });

  it('opens each of its files alone, with what came before as a gap', () => {
    const directory = temporaryDirectory();
    play(new RotatingWriter(join(directory, 'md.capture'), START, EACH_MS), script);
    const part = openCapture(join(directory, 'md.0002.capture'));
    const [chunk] = [...part.chunks(1)];
    expect(part.gaps()).toMatchObject([
      { offset: 0, bytes: chunk?.offset, reason: 'file-missing' },
    ]);
    part.close();
  });

  it('keeps as many files, or as many bytes, as it may', () => {
    const directory = temporaryDirectory();
    play(
      new RotatingWriter(join(directory, 'md.capture'), START, { ...EACH_MS, keptParts: 3 }),
      script,
    );
    expect(readdirSync(directory)).toHaveLength(3);
    const other = temporaryDirectory();
    const diskBytesMax = 400_000;
    play(
      new RotatingWriter(join(other, 'md.capture'), START, { ...EACH_MS, diskBytesMax }),
      script,
    );
    const sizes = readdirSync(other).map((name) => statSync(join(other, name)).size);
    expect(sizes.length).toBeGreaterThan(1);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(diskBytesMax);
  });

  it('goes on in the file it has when the next one cannot be made', () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'md.capture');
    const writer = new RotatingWriter(out, START, EACH_MS);
    writeFileSync(join(directory, 'md.0002.capture'), 'in the way');
    writer.addConnection({ id: 1, label: 'a', openedNs: 0n });
    const chunk = (number: number) => ({
      connection: 1,
      stream: 'client' as const,
      ordinal: number,
      timeNs: BigInt(number) * 1_000_000n,
      offset: (number - 1) * 100,
      bytes: testFrame(number),
    });
    for (const number of [1, 2]) {
      writer.addChunk(chunk(number));
      expect(() => writer.flush()).toThrow(/exists already/);
    }
    rmSync(join(directory, 'md.0002.capture'));
    writer.addChunk(chunk(3));
    writer.seal();
    const capture = openCapture(join(directory, 'md.0001.capture'));
    expect([...capture.chunks(1)]).toHaveLength(3);
    capture.close();
  });

  it('never overwrites files of another recording, nor reads two as one', () => {
    const directory = temporaryDirectory();
    const out = join(directory, 'md.capture');
    play(new RotatingWriter(out, START, EACH_MS), script);
    expect(() => new RotatingWriter(out, START, EACH_MS)).toThrow(/exists already/);
    const other = join(directory, 'x.capture');
    play(new RotatingWriter(other, START, EACH_MS), script);
    rmSync(join(directory, 'md.0002.capture'));
    renameSync(join(directory, 'x.0002.capture'), join(directory, 'md.0002.capture'));
    expect(() => openCapture(out)).toThrow(/two recordings/);
  });
});
