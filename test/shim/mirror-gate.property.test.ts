import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MirrorGate } from '../../src/shim/mirror-gate.ts';
import { FrameReader } from '../../src/wire/frame-reader.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

it('mirrors every byte or accounts for it, and never breaks a frame', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(200), { minLength: 1, maxLength: 30 }),
      fc.array(fc.record({ length: fc.integer({ min: 1, max: 400 }), queued: fc.nat(600) })),
      (sizes, reads) => {
        const stream = concat(sizes.map((size, n) => testFrame(n, { valueBytes: size })));
        const gate = new MirrorGate(H3, { queueBytesMax: 500 });
        const sent: Uint8Array[] = [];
        let gapBytes = 0;
        let offset = 0;
        const rest = { length: stream.length, queued: 0 };
        for (const { length, queued } of [...reads, rest]) {
          const chunk = stream.subarray(offset, offset + length);
          offset += chunk.length;
          const { send, ended } = gate.take(chunk, queued);
          sent.push(send);
          gapBytes += ended?.bytes ?? 0;
        }
        gapBytes += gate.gap?.bytes ?? 0;
        const mirrored = concat(sent);
        expect(mirrored.length + gapBytes).toBe(stream.length);
        const reader = new FrameReader(H3);
        const spans = [...reader.push(mirrored), ...reader.flush()];
        expect(spans.every((span) => span.kind === 'frame')).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});
