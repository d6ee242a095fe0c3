/**
 * CRC-32 (IEEE) of a part of some bytes. A call into native code costs as much as the checksum of a short frame, so
 * short parts are summed up here, eight bytes a step.
 */
import { crc32 } from 'node:zlib';

/** Of longer parts native code is faster, the call included. */
const SUMMED_HERE_BYTES_MAX = 256;
const VALUES = 256;
const STEP_BYTES = 8;
const POLYNOMIAL = 0xedb8_8320;
/** By the value of a byte and how many bytes of the step follow it. */
const TABLES = makeTables();

/** Goes on from `crc`, that of what comes before. */
export function crc32Of(bytes: Uint8Array, from: number, to: number, crc = 0): number {
  if (to - from > SUMMED_HERE_BYTES_MAX) return crc32(bytes.subarray(from, to), crc);
  let sum = ~crc;
  let at = from;
  for (; at + STEP_BYTES <= to; at += STEP_BYTES) {
    const low = sum ^ wordAt(bytes, at);
    const high = wordAt(bytes, at + 4);
    sum =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, high) ^
      entry(2, high >>> 8) ^
      entry(1, high >>> 16) ^
      entry(0, high >>> 24);
  }
  for (; at < to; at++) sum = entry(0, sum ^ (bytes[at] ?? 0)) ^ (sum >>> 8);
  return ~sum >>> 0;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}

function entry(following: number, value: number): number {
  return TABLES[following * VALUES + (value & 0xff)] ?? 0;
}

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP_BYTES * VALUES);
  for (let value = 0; value < VALUES; value++) {
    let sum = value;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ ((sum & 1) === 1 ? POLYNOMIAL : 0);
    tables[value] = sum;
  }
  for (let index = VALUES; index < tables.length; index++) {
    const before = tables[index - VALUES] ?? 0;
    tables[index] = (before >>> 8) ^ (tables[before & 0xff] ?? 0);
  }
  return tables;
}
