/**
 * Decides in which pieces the broadcast of the old relay is written to the new one. Answers for: the pieces,
 * one after the other, are exactly the bytes that came, and none is longer than a relay reads at once.
 * Pure: knows no sockets and no clock.
 */
import { FrameReader } from '../wire/frame-reader.ts';
import { readHeader } from '../wire/header.ts';
import type { HeaderLayout, Span } from '../wire/types.ts';

/** `frame`: whole frames, those of different domains never together. `chunk`: what one read of the tap returned. */
export const FEED_UNITS = ['frame', 'chunk'] as const;
export type FeedUnit = (typeof FEED_UNITS)[number];

/** No known relay reads more at once; a longer frame reaches it in parts, whoever writes it. */
export const READ_BYTES_MAX = 65_536;
/** Frames that came together and are judged alike are written together, up to this. */
const TOGETHER_BYTES_MAX = 16_384;

/** The domain in the header that bytes begin with, by which a relay judges a read; undefined: no header. */
export type Lead = number | undefined;

export function leadOf(layout: HeaderLayout, bytes: Uint8Array): Lead {
  if (bytes.length < layout.sizeBytes) return undefined;
  const header = readHeader(layout, bytes);
  return header.magic === layout.magic ? header.relay_domain : undefined;
}

export interface TapCutter {
  /** Bytes of an unfinished frame that wait for the rest. */
  readonly heldBytes: number;
  /** The pieces are the receiver's to keep. */
  push(bytes: Uint8Array): readonly Uint8Array[];
  /** What is held, as it is: its rest did not come. */
  flush(): readonly Uint8Array[];
}

export function createCutter(unit: FeedUnit, layout: HeaderLayout): TapCutter {
  return unit === 'frame' ? new FrameCutter(layout) : CHUNK_CUTTER;
}

const CHUNK_CUTTER: TapCutter = {
  heldBytes: 0,
  push: (bytes) => [...sliced(bytes)],
  flush: () => [],
};

/** What the frame reader takes for no frame is a piece of its own. */
class FrameCutter implements TapCutter {
  readonly #layout: HeaderLayout;
  readonly #reader: FrameReader;

  constructor(layout: HeaderLayout) {
    this.#layout = layout;
    this.#reader = new FrameReader(layout);
  }

  get heldBytes(): number {
    return this.#reader.pendingBytes;
  }

  push(bytes: Uint8Array): readonly Uint8Array[] {
    return this.#piecesOf(this.#reader.push(bytes));
  }

  flush(): readonly Uint8Array[] {
    return this.#piecesOf(this.#reader.flush());
  }

  #piecesOf(spans: readonly Span[]): readonly Uint8Array[] {
    const pieces: Uint8Array[] = [];
    let together: Uint8Array[] = [];
    let bytes = 0;
    let lead: Lead;
    const release = (): void => {
      // A copy: the reader's views end with its next call, and a piece may wait long for the new relay.
      if (bytes > 0) pieces.push(...sliced(new Uint8Array(Buffer.concat(together, bytes))));
      together = [];
      bytes = 0;
    };
    for (const span of spans) {
      const next = span.kind === 'frame' ? leadOf(this.#layout, span.bytes) : undefined;
      const fits = bytes + span.bytes.length <= TOGETHER_BYTES_MAX;
      if (next === undefined || next !== lead || !fits) release();
      lead = next;
      together.push(span.bytes);
      bytes += span.bytes.length;
    }
    release();
    return pieces;
  }
}

function* sliced(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += READ_BYTES_MAX) {
    yield bytes.subarray(at, at + READ_BYTES_MAX);
  }
}
