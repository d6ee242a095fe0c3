/**
 * What clients sent of the moments that are remembered, by key; and what they sent shortly before, of what may not agree:
 * a late copy is known by it.
 */
import type { SpanRecord } from './records-of-spans.ts';

const NOBODY: readonly SpanRecord[] = [];

export class SentRecords {
  readonly #pastMax: number;
  readonly #present = new Map<string, SpanRecord[]>();
  /** The latest, and those before them, which are forgotten all at once. */
  #past = new Map<string, SpanRecord>();
  #pastBefore = new Map<string, SpanRecord>();

  /** `pastMax`: how many that are past are remembered. */
  constructor(pastMax: number) {
    this.#pastMax = pastMax;
  }

  add(record: SpanRecord): void {
    const same = this.#present.get(record.key);
    if (same === undefined) this.#present.set(record.key, [record]);
    else same.push(record);
  }

  /** In the order of sending. */
  of(key: string): readonly SpanRecord[] {
    return this.#present.get(key) ?? NOBODY;
  }

  pastOf(key: string): SpanRecord | undefined {
    return this.#past.get(key) ?? this.#pastBefore.get(key);
  }

  /** Its moment is over. */
  pass(record: SpanRecord): void {
    const same = this.#present.get(record.key);
    if (same?.[0] !== record) return;
    if (same.length === 1) this.#present.delete(record.key);
    else same.shift();
    // Nobody asks for what agreed everywhere.
    if (!record.mayBeOdd) return;
    this.#past.set(record.key, record);
    if (this.#past.size * 2 < this.#pastMax) return;
    this.#pastBefore = this.#past;
    this.#past = new Map();
  }
}
