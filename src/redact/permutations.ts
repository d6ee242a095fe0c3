/**
 * Keyed permutations: every value of so many bytes becomes another one of as many, the same one for the same key and
 * scope, and no two the same. Without the key a result says nothing of its value but whether it is equal to another;
 * who has the key can turn them back. Knows no fields and no frames.
 *
 * One byte, and every other small set, is a shuffled table. Longer values are a Feistel network, whose round function is
 * AES over a block that names scope, length and round (halves of up to ten bytes), or HMAC-SHA-256 (longer ones).
 */
import { type Cipher, createCipheriv, createHmac } from 'node:crypto';
import { assert, defined } from '../lib/assert.ts';

/** Halves that are short need more rounds than the four that would do for long ones. */
const ROUNDS = 10;
const WIDE_ROUNDS = 4;
const BLOCK_BYTES = 16;
/** scope u32, round u8, width u8, then the half. */
const HALF_AT = 6;
const HALF_BYTES_MAX = BLOCK_BYTES - HALF_AT;
const NARROW_BYTES_MAX = 2 * HALF_BYTES_MAX;
/** A set of more members is no table. */
export const TABLE_MAX = 65_536;
const BYTE_VALUES = 256;
const SHA256_BYTES = 32;
const NAME_HEX_DIGITS = 12;

/** A value in place, and the space of pseudonyms that it is in: equal values of one scope and length stay equal. */
export interface KeyedValue {
  readonly scope: string;
  readonly bytes: Uint8Array;
}

export class Permutations {
  readonly #key: Uint8Array;
  readonly #cipher: Cipher;
  readonly #scopes = new Map<string, number>();
  readonly #tables = new Map<string, Uint16Array>();
  #blocks: Buffer = Buffer.alloc(64 * BLOCK_BYTES);

  /** `purpose`: other purposes of one key give other permutations. */
  constructor(key: Uint8Array, purpose: string) {
    this.#key = createHmac('sha256', key).update(`relaydiff ${purpose}`).digest();
    const aesKey = this.#hmac('rounds').subarray(0, BLOCK_BYTES);
    this.#cipher = createCipheriv('aes-128-ecb', aesKey, null).setAutoPadding(false);
  }

  /** Replaces all of them; many at once cost little more than one. They must not overlap. */
  permute(values: readonly KeyedValue[]): void {
    const narrow: KeyedValue[] = [];
    for (const value of values) {
      const { length } = value.bytes;
      if (length > NARROW_BYTES_MAX) this.#permuteWide(value);
      else if (length > 1) narrow.push(value);
      else if (length === 1) {
        value.bytes[0] = this.member(value.scope, BYTE_VALUES, value.bytes[0] ?? 0);
      }
    }
    if (narrow.length > 0) this.#permuteNarrow(narrow);
  }

  /** As `permute`, but what is all zero stays so, and nothing else becomes so. */
  permuteKeepingZero(value: KeyedValue): void {
    this.permuteKeeping(value, isZero);
  }

  /** As `permute`, but one value stays what it is, and no other one becomes it. */
  permuteKeeping(value: KeyedValue, isKept: (bytes: Uint8Array) => boolean): void {
    if (isKept(value.bytes)) return;
    this.permute([value]);
    // The one value whose image is the kept one takes the image of the kept one, which is free.
    if (isKept(value.bytes)) this.permute([value]);
  }

  /** Of the numbers below `count`, at most TABLE_MAX. */
  member(scope: string, count: number, at: number): number {
    const name = `${count} ${scope}`;
    let table = this.#tables.get(name);
    if (table === undefined) this.#tables.set(name, (table = this.#shuffled(name, count)));
    return defined(table[at], 'member of a table');
  }

  /** A short name for a text: the same for the same text, and with all likelihood no other's. */
  nameOf(scope: string, text: string): string {
    return this.#hmac(`name ${scope}\n${text}`).toString('hex').slice(0, NAME_HEX_DIGITS);
  }

  #hmac(...parts: readonly (string | Uint8Array)[]): Buffer {
    const hmac = createHmac('sha256', this.#key);
    for (const part of parts) hmac.update(part);
    return hmac.digest();
  }

  #scopeNumber(scope: string): number {
    let number = this.#scopes.get(scope);
    if (number === undefined) {
      number = this.#hmac(`scope ${scope}`).readUInt32LE(0);
      this.#scopes.set(scope, number);
    }
    return number;
  }

  /** All values go through a round together: the cipher is called once for it. */
  #permuteNarrow(values: readonly KeyedValue[]): void {
    const size = values.length * BLOCK_BYTES;
    if (this.#blocks.length < size) this.#blocks = Buffer.alloc(2 * size);
    const blocks = this.#blocks.subarray(0, size);
    const scopes = values.map(({ scope }) => this.#scopeNumber(scope));
    for (let round = 0; round < ROUNDS; round++) {
      blocks.fill(0);
      for (const [index, { bytes }] of values.entries()) {
        const at = index * BLOCK_BYTES;
        blocks.writeUInt32LE(scopes[index] ?? 0, at);
        blocks[at + 4] = round;
        blocks[at + 5] = bytes.length;
        blocks.set(halfOf(bytes, round), at + HALF_AT);
      }
      const masks = this.#cipher.update(blocks);
      for (const [index, { bytes }] of values.entries()) {
        const other = halfOf(bytes, round + 1);
        const at = index * BLOCK_BYTES;
        for (let byte = 0; byte < other.length; byte++) {
          other[byte] = (other[byte] ?? 0) ^ (masks[at + byte] ?? 0);
        }
      }
    }
  }

  #permuteWide({ scope, bytes }: KeyedValue): void {
    for (let round = 0; round < WIDE_ROUNDS; round++) {
      const half = halfOf(bytes, round);
      const other = halfOf(bytes, round + 1);
      const seed = this.#hmac(`wide ${round} ${bytes.length} ${scope}\n`, half);
      for (let from = 0; from < other.length; from += SHA256_BYTES) {
        const mask = createHmac('sha256', seed).update(String(from)).digest();
        const to = Math.min(other.length, from + SHA256_BYTES);
        for (let byte = from; byte < to; byte++) {
          other[byte] = (other[byte] ?? 0) ^ (mask[byte - from] ?? 0);
        }
      }
    }
  }

  /** Fisher and Yates, with numbers that the key decides. */
  #shuffled(name: string, count: number): Uint16Array {
    assert(count > 0 && count <= TABLE_MAX, `a table of ${count}`);
    const table = Uint16Array.from({ length: count }, (_, index) => index);
    const random = new RandomNumbers(this.#hmac(`table ${name}`));
    for (let last = count - 1; last > 0; last--) {
      const other = random.below(last + 1);
      const moved = table[last] ?? 0;
      table[last] = table[other] ?? 0;
      table[other] = moved;
    }
    return table;
  }
}

/** In even rounds the first half, which is the longer one, in odd ones the second. */
function halfOf(bytes: Uint8Array, round: number): Uint8Array {
  const middle = Math.ceil(bytes.length / 2);
  return round % 2 === 0 ? bytes.subarray(0, middle) : bytes.subarray(middle);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

const U32_VALUES = 2 ** 32;
const RANDOM_BATCH_BYTES = 4_096;

class RandomNumbers {
  readonly #cipher: Cipher;
  readonly #zeros = Buffer.alloc(RANDOM_BATCH_BYTES);
  #batch: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(seed: Uint8Array) {
    this.#cipher = createCipheriv('aes-256-ctr', seed, Buffer.alloc(BLOCK_BYTES));
  }

  below(count: number): number {
    // Numbers of an incomplete last round of `count` would make some likelier than others.
    const limit = U32_VALUES - (U32_VALUES % count);
    for (;;) {
      const number = this.#next();
      if (number < limit) return number % count;
    }
  }

  #next(): number {
    if (this.#at === this.#batch.length) {
      this.#batch = this.#cipher.update(this.#zeros);
      this.#at = 0;
    }
    const number = this.#batch.readUInt32LE(this.#at);
    this.#at += 4;
    return number;
  }
}
