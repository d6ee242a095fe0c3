/** Keeps the account of what a recovery could not save, and writes it as gaps into the new capture. */
import type { Recovery } from './recovery.ts';
import type { LostRange } from './salvage-content.ts';
import type { CaptureWriter } from './writer.ts';

type ListedRange = Recovery['lost']['ranges'][number];

/** Nobody can count the frames in what is lost. */
export const UNCOUNTED = {
  frames: undefined,
  firstHeader: undefined,
  lastHeader: undefined,
} as const;

const LISTED_MAX = 10_000;

export class LostRanges {
  readonly #listed: ListedRange[] = [];
  #count = 0;
  #bytes = 0;

  get listed(): ListedRange[] {
    return this.#listed;
  }

  get count(): number {
    return this.#count;
  }

  /** Of all ranges whose size is known. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `labels`: of connections, by id. */
  listener(writer: CaptureWriter, labels: ReadonlyMap<number, string>): (range: LostRange) => void {
    return ({ stream, offset, bytes, reason, firstTimeNs, lastTimeNs }) => {
      const { connection, kind } = stream;
      writer.addGap({
        connection,
        stream: kind,
        where: 'recording',
        reason,
        offset,
        bytes,
        ...UNCOUNTED,
        firstTimeNs,
        lastTimeNs,
      });
      // What a killed recorder had not written yet was never in the file.
      if (reason === 'cut-off') return;
      this.#count += 1;
      this.#bytes += bytes;
      if (this.#listed.length >= LISTED_MAX) return;
      const label = labels.get(connection) ?? '';
      this.#listed.push({
        connection,
        label,
        stream: kind,
        offset,
        bytes: bytes === 0 ? null : bytes,
      });
    };
  }
}
