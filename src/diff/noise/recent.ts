/** What is remembered of values of which there is no end: the latest, and a sample of all. */

/** Which values came lately: the last `max` are known for certain, older ones for a while. */
export class Recent<T> {
  readonly #max: number;
  #counts = new Map<T, number>();
  #before = new Map<T, number>();
  /** How often all but the latest were forgotten. */
  rotations = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** Returns whether it came lately. */
  add(value: T): boolean {
    return this.count(value) > 0;
  }

  /** Notes it, and returns how often it had come lately. */
  count(value: T): number {
    const known = this.#counts.get(value);
    const times = known ?? this.#before.get(value) ?? 0;
    if (known === undefined && this.#counts.size >= this.#max) {
      this.#before = this.#counts;
      this.#counts = new Map();
      this.rotations++;
    }
    this.#counts.set(value, times + 1);
    return times;
  }
}

/** The first values, and of more of them every second, every fourth, ... */
export class Sample {
  readonly #max: number;
  #values: number[] = [];
  #every = 1;
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get values(): readonly number[] {
    return this.#values;
  }

  add(value: number): void {
    if (this.#count++ % this.#every !== 0) return;
    this.#values.push(value);
    if (this.#values.length < this.#max) return;
    this.#every *= 2;
    this.#values = this.#values.filter((_, at) => at % 2 === 0);
  }
}
