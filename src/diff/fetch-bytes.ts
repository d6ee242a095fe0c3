/**
 * The second pass over a capture: reads the bytes of chosen items again, so that the first pass need not
 * keep any. Reads a stream only as far as its last chosen item.
 */
import { defined } from '../lib/assert.ts';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, Side } from '../capture/types.ts';
import type { Dialects } from './read-capture.ts';
import type { Item } from './records.ts';

export class FetchedBytes {
  readonly #bytes = new Map<string, Uint8Array>();

  set(connection: number, side: Side, index: number, bytes: Uint8Array): void {
    this.#bytes.set(`${connection}/${side}/${index}`, bytes);
  }

  of(connection: number, side: Side, item: Item): Uint8Array {
    return defined(this.#bytes.get(`${connection}/${side}/${item.index}`), 'fetched bytes');
  }
}

export class WantedItems {
  readonly #indexes = new Map<string, Set<number>>();

  add(connection: number, side: Side, item: Item): void {
    const key = `${connection}/${side}`;
    const indexes = this.#indexes.get(key);
    if (indexes === undefined) this.#indexes.set(key, new Set([item.index]));
    else indexes.add(item.index);
  }

  fetch(reader: CaptureReader, dialects: Dialects): FetchedBytes {
    const fetched = new FetchedBytes();
    for (const stream of reader.streams()) {
      if (stream.kind === 'client') continue;
      const wanted = this.#indexes.get(`${stream.connection}/${stream.kind}`);
      let left = wanted?.size ?? 0;
      if (wanted === undefined || left === 0) continue;
      for (const { span, index } of readSpans(reader, stream, dialects[stream.kind].header)) {
        if (!wanted.has(index)) continue;
        fetched.set(stream.connection, stream.kind, index, span.bytes);
        left--;
        if (left === 0) break;
      }
    }
    return fetched;
  }
}
