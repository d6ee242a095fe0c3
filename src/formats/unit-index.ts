/**
 * Where the units of a file are that another program recorded, and when: 32 bytes a unit. With it they can be read in
 * the order of their times, which need not be that of the file.
 */

export interface IndexedUnit {
  /** ns since the Unix epoch. */
  readonly unixNs: bigint;
  /** Where its bytes begin in the file. */
  readonly bytesAt: number;
  readonly bytes: number;
  /** How many there were. */
  readonly originalBytes: number;
  /** Number of what it belongs to, as the interfaces of the file tell. */
  readonly lane: number;
  /** Number of who sent it to whom, as its own head tells; 0 when units have none. */
  readonly pair: number;
}

const FIRST_CAPACITY = 1_024;

export class UnitIndex {
  #count = 0;
  #unixNs = new BigInt64Array(FIRST_CAPACITY);
  #bytesAt = new Float64Array(FIRST_CAPACITY);
  /** bytes, originalBytes, lane, pair. */
  #numbers = new Uint32Array(4 * FIRST_CAPACITY);

  get count(): number {
    return this.#count;
  }

  add({ unixNs, bytesAt, bytes, originalBytes, lane, pair }: IndexedUnit): void {
    if (this.#count === this.#unixNs.length) this.#grow();
    this.#unixNs[this.#count] = unixNs;
    this.#bytesAt[this.#count] = bytesAt;
    this.#numbers.set([bytes, originalBytes, lane, pair], 4 * this.#count);
    this.#count += 1;
  }

  /** Units that come without a time get that of the first one that has one. */
  setTimesBefore(end: number, unixNs: bigint): void {
    this.#unixNs.fill(unixNs, 0, end);
  }

  at(index: number): IndexedUnit {
    const number = (offset: number): number => this.#numbers[4 * index + offset] ?? 0;
    return {
      unixNs: this.#timeAt(index),
      bytesAt: this.#bytesAt[index] ?? 0,
      bytes: number(0),
      originalBytes: number(1),
      lane: number(2),
      pair: number(3),
    };
  }

  /** Their numbers by time; in the order of the file where that is the same. */
  inOrder(): Uint32Array {
    const order = new Uint32Array(this.#count);
    let isOrdered = true;
    for (let index = 0; index < order.length; index++) {
      order[index] = index;
      if (index > 0 && this.#timeAt(index) < this.#timeAt(index - 1)) isOrdered = false;
    }
    if (isOrdered) return order;
    return order.sort((left, right) => {
      const [before, after] = [this.#timeAt(left), this.#timeAt(right)];
      if (before === after) return left - right;
      return before < after ? -1 : 1;
    });
  }

  #timeAt(index: number): bigint {
    return this.#unixNs[index] ?? 0n;
  }

  #grow(): void {
    const unixNs = new BigInt64Array(2 * this.#count);
    unixNs.set(this.#unixNs);
    this.#unixNs = unixNs;
    const bytesAt = new Float64Array(2 * this.#count);
    bytesAt.set(this.#bytesAt);
    this.#bytesAt = bytesAt;
    const numbers = new Uint32Array(8 * this.#count);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}
