import { expect, it } from 'vitest';
import { PendingBytes } from '../../src/wire/pending-bytes.ts';

it('bytes that are cut at every chunk do not keep the memory that one large frame needed', () => {
  const pending = new PendingBytes();
  for (let chunk = 0; chunk < 16; chunk++) pending.append(new Uint8Array(65_536).fill(chunk));
  expect(pending.window.buffer.byteLength).toBeGreaterThanOrEqual(1_048_576);
  pending.drop(16 * 65_536 - 10);
  for (let chunk = 0; chunk < 1_000; chunk++) {
    pending.append(new Uint8Array(5_000).fill(chunk % 200));
    pending.drop(5_000);
  }
  expect(pending.window.length).toBe(10);
  expect([...pending.window]).toEqual(Array.from({ length: 10 }, () => 999 % 200));
  expect(pending.window.buffer.byteLength).toBeLessThanOrEqual(131_072);
});
