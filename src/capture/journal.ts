/**
 * Chunks that were stored but not yet put into segments: one row a flush, whatever the number of streams, so that
 * flushing often stays cheap. They become segments about every second; a killed writer leaves the last ones here.
 */
import { decode, encode } from '@msgpack/msgpack';
import type { PlacedChunk } from './segment-collector.ts';

/** Collects the chunks of a flush, flat: hundreds of thousands a second pass. */
export class Journal {
  #numbers: number[] = [];

  get isEmpty(): boolean {
    return this.#numbers.length === 0;
  }

  add({ streamId, ordinal, timeNs, offset, length, runs }: PlacedChunk): void {
    this.#numbers.push(streamId, ordinal, timeNs, offset, length, runs.length);
    for (const number of runs) this.#numbers.push(number);
  }

  clear(): void {
    this.#numbers = [];
  }

  /** A MessagePack array: stream, ordinal, time, offset, length, count of numbers in runs, runs; next chunk. */
  encode(): Uint8Array {
    return encode(this.#numbers);
  }
}

/** Returns undefined when the bytes are no journal: the file was damaged. */
export function decodeJournal(bytes: Uint8Array): readonly PlacedChunk[] | undefined {
  const numbers = decodeNumbers(bytes);
  if (numbers === undefined) return undefined;
  const chunks: PlacedChunk[] = [];
  for (let at = 0; at < numbers.length; ) {
    const [streamId = 0, ordinal = 0, timeNs = 0, offset = 0, length = 0, runNumbers = 0] =
      numbers.slice(at, at + 6);
    const runs = numbers.slice(at + 6, at + 6 + runNumbers);
    at += 6 + runNumbers;
    const runBytes = runs.reduce((sum, number, index) => sum + (index % 2 === 1 ? number : 0), 0);
    if (length <= 0 || runs.length !== runNumbers || runBytes !== length) return undefined;
    chunks.push({ streamId, ordinal, timeNs, offset, length, runs });
  }
  return chunks;
}

function decodeNumbers(bytes: Uint8Array): readonly number[] | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined; // Damage is reported by the caller, which knows the place.
  }
  if (!Array.isArray(value)) return undefined;
  const items: unknown[] = value;
  return items.every((item): item is number => Number.isSafeInteger(item) && Number(item) >= 0)
    ? items
    : undefined;
}
