/**
 * Keeps the windows of the first reading for those that follow, as long as they are few: then what agrees is read once.
 * Of what agreed between them it keeps where each stream was. When there is too much it keeps nothing.
 */
import type { SpanRecord } from './records-of-spans.ts';
import type { WindowSink } from './window-sink.ts';

/** Stream of a side, by its id -> index of the last span that was given away. */
export type Given = Map<number, number>;

export type KeptStep =
  | { readonly kind: 'agreed'; readonly given: Given }
  | { readonly kind: 'window'; readonly records: readonly SpanRecord[] };

/** What a record takes besides the bytes of its message. */
const RECORD_BYTES = 400;

export function noteGiven(given: Given, records: readonly SpanRecord[]): void {
  for (const { row, index } of records) {
    if (row.kind !== 'client' && index > (given.get(row.id) ?? -1)) given.set(row.id, index);
  }
}

export class KeptWindows implements WindowSink {
  readonly #sink: WindowSink;
  readonly #bytesMax: number;
  #steps: KeptStep[] | undefined = [];
  #bytes = 0;

  /** `sink` hears everything, too. `bytesMax`: of all windows together. */
  constructor(sink: WindowSink, bytesMax: number) {
    this.#sink = sink;
    this.#bytesMax = bytesMax;
  }

  /** Everything in order; undefined: there was too much. */
  get steps(): readonly KeptStep[] | undefined {
    return this.#steps;
  }

  sent(record: SpanRecord, bytes: Uint8Array): void {
    this.#sink.sent?.(record, bytes);
  }

  delivered(...delivery: Parameters<NonNullable<WindowSink['delivered']>>): void {
    this.#sink.delivered?.(...delivery);
  }

  agreed(records: readonly SpanRecord[]): void {
    this.#sink.agreed(records);
    if (this.#steps === undefined) return;
    let last = this.#steps.at(-1);
    if (last?.kind !== 'agreed') this.#steps.push((last = { kind: 'agreed', given: new Map() }));
    noteGiven(last.given, records);
  }

  window(records: readonly SpanRecord[]): void {
    this.#sink.window(records);
    if (this.#steps === undefined) return;
    for (const { length } of records) this.#bytes += RECORD_BYTES + length;
    if (this.#bytes > this.#bytesMax) this.#steps = undefined;
    else this.#steps.push({ kind: 'window', records });
  }
}
