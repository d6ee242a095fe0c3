/**
 * The chunk table of a segment: where each chunk begins and when it arrived, as a flat MessagePack array
 * [ordinal step, time step in ns, length, ...]. Steps are relative to the chunk before, the first to the
 * segment's own columns; they are small, so a chunk costs about seven bytes.
 */
import { decode, encode } from '@msgpack/msgpack';

export interface ChunkEntry {
  readonly ordinal: number;
  readonly timeNs: bigint;
  readonly length: number;
}

const NUMBERS_A_CHUNK = 3;

export function encodeChunkTable(entries: readonly ChunkEntry[]): Uint8Array {
  const table: number[] = [];
  let previous = entries[0];
  for (const entry of entries) {
    table.push(
      entry.ordinal - (previous?.ordinal ?? 0),
      Number(entry.timeNs - (previous?.timeNs ?? 0n)),
      entry.length,
    );
    previous = entry;
  }
  return encode(table);
}

/** Returns undefined when the bytes are no chunk table: the file was damaged. */
export function decodeChunkTable(
  bytes: Uint8Array,
  first: { readonly ordinal: number; readonly timeNs: bigint },
): readonly ChunkEntry[] | undefined {
  const table = decodeNumbers(bytes);
  if (table === undefined || table.length % NUMBERS_A_CHUNK !== 0) return undefined;
  const entries: ChunkEntry[] = [];
  let { ordinal, timeNs } = first;
  for (let index = 0; index < table.length; index += NUMBERS_A_CHUNK) {
    const length = table[index + 2] ?? 0;
    if (length <= 0) return undefined;
    ordinal += table[index] ?? 0;
    timeNs += BigInt(table[index + 1] ?? 0);
    entries.push({ ordinal, timeNs, length });
  }
  return entries;
}

function decodeNumbers(bytes: Uint8Array): readonly number[] | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined; // Damage is reported by the caller, which knows the place.
  }
  if (!Array.isArray(value)) return undefined;
  const numbers: unknown[] = value;
  return numbers.every((item): item is number => Number.isSafeInteger(item)) ? numbers : undefined;
}
