import { describe, expect, it } from 'vitest';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import type { HeaderLayout, Span } from '../../src/wire/types.ts';
import { concat, H2, H3, testFrame } from '../support/frames.ts';

/** `frame 100`, `truncated-frame 60`, `tail 10`: what the reader made of the bytes. */
function outline(spans: readonly Span[]): readonly string[] {
  return spans.map((span) => {
    const name = span.kind === 'defect' ? span.defect : span.kind;
    return `${name} ${span.bytes.length}`;
  });
}

function readAll(bytes: Uint8Array, layout: HeaderLayout = H3): readonly string[] {
  const reader = new FrameReader(layout);
  return outline([...reader.push(bytes), ...reader.flush()]);
}

describe('a stream in step', () => {
  it('gives one frame for each message, however many arrive in a chunk', () => {
    const frames = [
      testFrame(1),
      testFrame(2, { valueBytes: 300 }),
      testFrame(3, { valueBytes: 0 }),
    ];
    expect(readAll(concat(frames))).toEqual(['frame 100', 'frame 337', 'frame 34']);
  });

  it('waits for the rest of a frame and gives it once', () => {
    const reader = new FrameReader(H3);
    const frame = testFrame(7);
    expect(reader.push(frame.subarray(0, 40))).toEqual([]);
    expect(reader.pendingBytes).toBe(40);
    const spans = reader.push(frame.subarray(40));
    expect(outline(spans)).toEqual(['frame 100']);
    expect(Buffer.from(spans[0]!.bytes).equals(frame)).toBe(true);
    expect(reader.offset).toBe(100);
  });

  it('reads headers whose magic is not first', () => {
    const frames = [testFrame(1, { layout: H2 }), testFrame(2, { layout: H2 })];
    expect(readAll(concat(frames), H2)).toEqual(['frame 100', 'frame 100']);
  });

  it('keeps a frame whose TLVs are broken: payload_size says where it ends', () => {
    const broken = testFrame(1, { payload: Uint8Array.of(9, 200, 1, 2) });
    expect(readAll(concat([broken, testFrame(2)]))).toEqual(['frame 36', 'frame 100']);
  });

  it('keeps a frame that carries another frame as its value', () => {
    const inner = testFrame(2, { checksum: 'zero' });
    const value = new Uint8Array(300);
    value.set(inner, 100);
    const payload = concat([Uint8Array.of(255, 0, 203, 44, 1), value]);
    const outerValid = testFrame(1, { payload });
    const outerZero = testFrame(1, { payload, checksum: 'zero' });
    expect(readAll(concat([outerValid, outerZero, testFrame(3)]))).toEqual([
      'frame 337',
      'frame 337',
      'frame 100',
    ]);
  });
});

describe('a stream that lost bytes', () => {
  it('finds the frame that begins inside a truncated one, with and without checksums', () => {
    for (const checksum of ['valid', 'zero'] as const) {
      const cut = testFrame(1, { checksum }).subarray(0, 60);
      const rest = [testFrame(2, { checksum }), testFrame(3, { checksum })];
      expect(readAll(concat([cut, ...rest]))).toEqual([
        'truncated-frame 60',
        'frame 100',
        'frame 100',
      ]);
    }
  });

  it('finds it wherever the frame was cut', () => {
    for (let cut = 5; cut < 100; cut++) {
      const bytes = concat([testFrame(1).subarray(0, cut), testFrame(2), testFrame(3)]);
      const spans = readAll(bytes);
      expect([cut, ...spans]).toEqual([cut, `truncated-frame ${cut}`, 'frame 100', 'frame 100']);
    }
  });

  it('finds it when the stream ends before the announced size', () => {
    const cut = testFrame(1, { valueBytes: 5_000 }).subarray(0, 60);
    expect(readAll(concat([cut, testFrame(2)]))).toEqual(['truncated-frame 60', 'frame 100']);
  });

  it('makes one defect of what lies between frames', () => {
    const bytes = concat([testFrame(1), Buffer.from('not a frame at all'), testFrame(2)]);
    expect(readAll(bytes)).toEqual(['frame 100', 'bad-magic 18', 'frame 100']);
  });

  it('begins in the middle of a frame', () => {
    expect(readAll(concat([testFrame(1).subarray(33), testFrame(2)]))).toEqual([
      'bad-magic 67',
      'frame 100',
    ]);
  });

  it('does not trust a magic with a wrong checksum while out of step', () => {
    const wrong = testFrame(2);
    wrong[28] = (wrong[28] ?? 0) ^ 0xff;
    const bytes = concat([Buffer.from('noise'), wrong, testFrame(3)]);
    expect(readAll(bytes)).toEqual(['bad-magic 105', 'frame 100']);
  });

  it('refuses a size over the limit from the header alone', () => {
    const huge = testFrame(1);
    new DataView(huge.buffer).setUint32(24, 1_048_576, true);
    const reader = new FrameReader(H3);
    expect(outline(reader.push(huge))).toEqual([]);
    expect(outline(reader.push(testFrame(2)))).toEqual(['oversize-payload 100', 'frame 100']);
  });

  it('keeps the beginning of a frame at the end as the tail', () => {
    expect(readAll(concat([testFrame(1), testFrame(2).subarray(0, 20)]))).toEqual([
      'frame 100',
      'tail 20',
    ]);
    expect(readAll(testFrame(2).subarray(0, 99))).toEqual(['tail 99']);
  });

  it('separates noise from a last frame that is not complete', () => {
    const bytes = concat([Buffer.from('noise'), testFrame(1).subarray(0, 50)]);
    expect(readAll(bytes)).toEqual(['bad-magic 5', 'tail 50']);
  });

  it('goes on behind a gap at the next frame it can trust', () => {
    const reader = new FrameReader(H3);
    reader.push(testFrame(1).subarray(0, 30));
    expect(outline(reader.skip(500))).toEqual(['tail 30']);
    expect(reader.offset).toBe(530);
    const after = [
      ...reader.push(concat([testFrame(2).subarray(90), testFrame(3)])),
      ...reader.flush(),
    ];
    expect(outline(after)).toEqual(['bad-magic 10', 'frame 100']);
    expect(after[1]?.offset).toBe(540);
  });

  it('does not let a header whose magic lies behind a frame decide about it', () => {
    const cut = testFrame(1, { layout: H2 }).subarray(0, 95);
    const rest = [testFrame(2, { layout: H2 }), testFrame(3, { layout: H2 })];
    const whole = readAll(concat([cut, ...rest]), H2);
    const reader = new FrameReader(H2);
    const parts = [concat([cut, rest[0]!.subarray(0, 5)]), rest[0]!.subarray(5), rest[1]!];
    const spans = parts.flatMap((part) => outline(reader.push(part)));
    expect([...spans, ...outline(reader.flush())]).toEqual(whole);
  });

  it('stays bounded on endless noise', () => {
    const limits = { frameBytesMax: 1_000, resyncTlvCountMax: 10 };
    const reader = new FrameReader(H3, limits);
    let pendingMax = 0;
    for (let index = 0; index < 50; index++) {
      reader.push(new Uint8Array(333).fill(0xef));
      pendingMax = Math.max(pendingMax, reader.pendingBytes);
    }
    expect(pendingMax).toBeLessThan(3 * limits.frameBytesMax);
  });
});
