/**
 * CRC-32 of any part of some bytes, most of it without reading them again: of every 4 KiB it is worked out once, and
 * joined. Several streams repeat the same bytes, and each of their segments has a CRC of its own.
 */
import { crc32 } from 'node:zlib';

export const CELL_BYTES = 4_096;
const BITS = 32;
const BYTE_VALUES = 256;

export class CrcCells {
  readonly #bytes: Uint8Array;
  /** Of each cell that is whole. */
  readonly #cells: Uint32Array;
  /** Of all the bytes. */
  readonly crc32: number;

  /** `bytes` must stay as they are. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#cells = new Uint32Array(Math.floor(bytes.length / CELL_BYTES));
    let crc = 0;
    for (let index = 0; index < this.#cells.length; index++) {
      const from = index * CELL_BYTES;
      const cell = crc32(bytes.subarray(from, from + CELL_BYTES));
      this.#cells[index] = cell;
      crc = joined(crc, cell);
    }
    this.crc32 = this.#read(crc, this.#cells.length * CELL_BYTES, bytes.length);
  }

  /** Goes on with a CRC over the bytes from `from` to `to`. */
  goOn(crc: number, from: number, to: number): number {
    const first = Math.ceil(from / CELL_BYTES);
    const end = Math.floor(to / CELL_BYTES);
    if (first >= end) return this.#read(crc, from, to);
    let sum = this.#read(crc, from, first * CELL_BYTES);
    for (let index = first; index < end; index++) sum = joined(sum, this.#cells[index] ?? 0);
    return this.#read(sum, end * CELL_BYTES, to);
  }

  /** zlib forgets what came before when it is given nothing. */
  #read(crc: number, from: number, to: number): number {
    return from === to ? crc : crc32(this.#bytes.subarray(from, to), crc);
  }
}

/** CRC of bytes and a cell behind them, from the CRCs of both. */
function joined(crc: number, cell: number): number {
  shifts ??= makeShifts();
  const shifted =
    (shifts[crc & 0xff] ?? 0) ^
    (shifts[BYTE_VALUES + ((crc >>> 8) & 0xff)] ?? 0) ^
    (shifts[2 * BYTE_VALUES + ((crc >>> 16) & 0xff)] ?? 0) ^
    (shifts[3 * BYTE_VALUES + (crc >>> 24)] ?? 0);
  return (shifted ^ cell) >>> 0;
}

/** What a CRC becomes by a cell behind it, but for the cell's own: by the place and the value of each of its bytes. */
let shifts: Uint32Array | undefined;

/** The CRC of a whole is linear in the CRC of its beginning, so its single bits tell it all. */
function makeShifts(): Uint32Array {
  const zeros = new Uint8Array(CELL_BYTES);
  const own = crc32(zeros);
  const ofBits = Array.from({ length: BITS }, (_, bit) => crc32(zeros, 2 ** bit) ^ own);
  const table = new Uint32Array((BITS / 8) * BYTE_VALUES);
  for (let index = 0; index < table.length; index++) {
    const firstBit = Math.floor(index / BYTE_VALUES) * 8;
    for (let bit = 0; bit < 8; bit++) {
      if (((index >>> bit) & 1) === 1)
        table[index] = (table[index] ?? 0) ^ (ofBits[firstBit + bit] ?? 0);
    }
  }
  return table;
}
