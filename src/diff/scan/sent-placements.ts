/** How the bytes of each span of a client stream lay in the chunks that carried them; spans must come in order. */
import { chunkRuns } from '../../capture/chunk-runs.ts';
import type { CaptureReader, ChunkRun } from '../../capture/types.ts';
import { u32At } from '../../wire/header.ts';
import type { HeaderLayout, Span } from '../../wire/types.ts';
import type { Placement } from '../client-facts.ts';

export class SentPlacements {
  readonly #layout: HeaderLayout;
  readonly #runs: Iterator<ChunkRun>;
  #run: ChunkRun | undefined;
  #at = 0;
  #start = 0;
  #end = 0;
  #leadingDomain: number | undefined;
  #beganInside = false;

  constructor(reader: CaptureReader, streamId: number, layout: HeaderLayout) {
    this.#layout = layout;
    this.#runs = chunkRuns(reader, streamId)[Symbol.iterator]();
  }

  of({ offset, bytes, kind }: Span): Placement {
    const end = offset + bytes.length;
    while (this.#end <= offset && this.#enter()) {
      // Chunks before the span are past.
    }
    const { leadingDomain, fromNs, ...first } = this.#touch(offset, kind);
    let { isSplit, beganInside } = first;
    while (this.#end < end && this.#enter()) {
      isSplit = true;
      beganInside = this.#touch(offset, kind).beganInside || beganInside;
    }
    return { isSplit, beganInside, leadingDomain, fromNs };
  }

  /** The span lies in the chunk, at least in part: where it covers its first byte, it decides how the chunk began. */
  #touch(offset: number, kind: Span['kind']): Placement {
    if (offset < this.#start) this.#beganInside = kind === 'frame';
    return {
      isSplit: false,
      beganInside: this.#beganInside,
      leadingDomain: this.#leadingDomain,
      fromNs: this.#run?.timesNs[this.#at - 1] ?? 0,
    };
  }

  #enter(): boolean {
    if (this.#run === undefined || this.#at === this.#run.lengths.length) {
      const next = this.#runs.next();
      if (next.done === true) return false;
      this.#run = next.value;
      this.#at = 0;
      this.#end = next.value.offset;
    }
    const { bytes, offset, lengths } = this.#run;
    this.#start = this.#end;
    this.#end += lengths[this.#at++] ?? 0;
    this.#beganInside = false;
    const { sizeBytes, magic, offsets } = this.#layout;
    const from = this.#start - offset;
    const isHeader =
      this.#end - this.#start >= sizeBytes && u32At(bytes, from + offsets.magic) === magic;
    this.#leadingDomain = isHeader ? bytes[from + offsets.relay_domain] : undefined;
    return true;
  }
}
