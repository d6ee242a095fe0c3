/**
 * Compares a recording while it is made. `advance` reads what has come since the last time, never anything twice, and
 * says how far the sides agree; `result` says what a comparison of what is there now says. It opens the capture anew
 * each time and closes it, so that the recorder is never in the way of a reader, nor a reader in its way.
 */
import type { CaptureReader } from '../capture/types.ts';
import { diffCapture, type DiffOptions, diffScanned } from './diff-capture.ts';
import { mayScan, newScan } from './read-contents.ts';
import type { AgreementScan, Progress } from './scan/agreement-scan.ts';
import type { DiffResult } from './types.ts';

export interface FollowProgress extends Progress {
  /** The recording has ended in good order: nothing more comes. */
  readonly isSealed: boolean;
  /** How far the recording goes, ns since its start. */
  readonly durationNs: bigint;
}

export class DiffFollower {
  readonly #open: () => CaptureReader;
  readonly #options: DiffOptions;
  #scan: AgreementScan | undefined;
  #firstPart: number | undefined;
  #isEnded = false;

  /** `open`: opens what has been recorded so far. */
  constructor(open: () => CaptureReader, options: DiffOptions) {
    this.#open = open;
    this.#options = options;
  }

  /** Throws what opening and reading a capture throws. */
  advance(): FollowProgress {
    return this.#with((reader) => {
      const { sealed: isSealed, durationNs } = reader.info;
      return { isSealed, durationNs, ...this.#advance(reader).progress() };
    });
  }

  /** Exactly that of `diffCapture`, when the recording is sealed. */
  result(): DiffResult {
    return this.#with((reader) => {
      const scan = this.#advance(reader);
      const isCut = [...scan.result().connections.values()].some(
        ({ hasMoreContents }) => hasMoreContents,
      );
      // How much of each connection may be kept depends on how many there are in the end.
      if (isCut || !mayScan(reader, this.#options)) return diffCapture(reader, this.#options);
      return diffScanned(reader, scan, this.#options);
    });
  }

  #advance(reader: CaptureReader): AgreementScan {
    const firstPart = reader.info.part?.number;
    // What lay in a file that a rotated recording has removed is a gap now, for a comparison afterwards, too.
    if (this.#scan === undefined || firstPart !== this.#firstPart) {
      this.#scan = newScan(reader, this.#options);
      this.#isEnded = false;
    }
    this.#firstPart = firstPart;
    if (!this.#isEnded) this.#scan.advance(reader, reader.info.sealed);
    this.#isEnded = reader.info.sealed;
    return this.#scan;
  }

  #with<T>(work: (reader: CaptureReader) => T): T {
    const reader = this.#open();
    try {
      return work(reader);
    } finally {
      reader.close();
    }
  }
}
