/** A set of indexes that are mostly near each other, of any size: a bit each, and nothing where there are none. */

const PAGE = 32_768;

export class IndexSet {
  readonly #pages = new Map<number, Uint8Array>();
  #lastNumber = -1;
  #last: Uint8Array | undefined;

  get isEmpty(): boolean {
    return this.#pages.size === 0;
  }

  add(index: number): void {
    const number = Math.floor(index / PAGE);
    let page = this.#page(number);
    if (page === undefined) {
      page = new Uint8Array(PAGE / 8);
      this.#pages.set(number, page);
      this.#last = page;
    }
    const bit = index % PAGE;
    page[bit >>> 3] = (page[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }

  has(index: number): boolean {
    const bit = index % PAGE;
    const page = this.#page(Math.floor(index / PAGE));
    return page !== undefined && ((page[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0;
  }

  #page(number: number): Uint8Array | undefined {
    if (number === this.#lastNumber) return this.#last;
    this.#lastNumber = number;
    this.#last = this.#pages.get(number);
    return this.#last;
  }
}
