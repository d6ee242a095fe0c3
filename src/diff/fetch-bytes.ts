/**
 * The second pass over a capture: reads the bytes of chosen items again, so that the first pass need not
 * keep any. Reads a stream only as far as its last chosen item.
 */
import { defined } from '../lib/assert.ts';
import { chunkRuns } from '../capture/chunk-runs.ts';
import type { CaptureReader, ChunkRun, Side } from '../capture/types.ts';
import type { CaptureRows } from './read-capture.ts';
import type { Item } from './records.ts';

/** Bytes of a stream, as far as they are needed to find them. */
export interface Place {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
}

export interface BytesOfItems {
  of(connection: number, side: Side, item: Pick<Place, 'index'>): Uint8Array;
}

export class FetchedBytes implements BytesOfItems {
  readonly #bytes = new Map<string, Uint8Array>();

  set(connection: number, side: Side, index: number, bytes: Uint8Array): void {
    this.#bytes.set(`${connection}/${side}/${index}`, bytes);
  }

  of(connection: number, side: Side, item: Pick<Place, 'index'>): Uint8Array {
    return defined(this.#bytes.get(`${connection}/${side}/${item.index}`), 'fetched bytes');
  }
}

export class WantedItems {
  readonly #items = new Map<number, Readonly<Record<Side, Map<number, Place>>>>();

  add(connection: number, side: Side, { index, offset, content }: Item): void {
    this.addPlace(connection, side, { index, offset, length: content.length });
  }

  addPlace(connection: number, side: Side, place: Place): void {
    let items = this.#items.get(connection);
    if (items === undefined) {
      items = { old: new Map(), new: new Map() };
      this.#items.set(connection, items);
    }
    items[side].set(place.index, place);
  }

  fetch(reader: CaptureReader, { streamsOf }: CaptureRows): FetchedBytes {
    const fetched = new FetchedBytes();
    for (const [connection, wanted] of this.#items) {
      for (const { id, kind } of streamsOf.get(connection) ?? []) {
        if (kind === 'client' || wanted[kind].size === 0) continue;
        const items = [...wanted[kind].values()].sort((left, right) => left.offset - right.offset);
        for (const [item, bytes] of readRanges(chunkRuns(reader, id), items)) {
          fetched.set(connection, kind, item.index, bytes);
        }
      }
    }
    return fetched;
  }
}

/** The bytes of items that are in order and do not overlap. */
function* readRanges(
  chunks: Iterable<ChunkRun>,
  items: readonly Place[],
): Generator<readonly [Place, Uint8Array]> {
  let at = 0;
  let bytes: Uint8Array | undefined;
  for (const chunk of chunks) {
    const chunkEnd = chunk.offset + chunk.bytes.length;
    for (let item = items[at]; item !== undefined && item.offset < chunkEnd; item = items[at]) {
      bytes ??= new Uint8Array(item.length);
      const from = Math.max(item.offset, chunk.offset);
      const end = item.offset + item.length;
      const to = Math.min(end, chunkEnd);
      bytes.set(chunk.bytes.subarray(from - chunk.offset, to - chunk.offset), from - item.offset);
      if (to < end) break;
      yield [item, bytes];
      bytes = undefined;
      at++;
    }
    if (at === items.length) return;
  }
}
