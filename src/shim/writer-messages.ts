/** What the forwarding thread and the writer thread say to each other. */
import type { Rotation } from '../capture/rotating-writer.ts';
import type { CaptureStart } from '../capture/writer.ts';
import type { ErrorCode } from '../lib/operating-error.ts';
import type { RecordBatch } from './record-batch.ts';

export interface WriterStart {
  readonly path: string;
  readonly start: CaptureStart;
  /** Undefined: one file. */
  readonly rotation: Rotation | undefined;
}

export type ToWriter =
  | { readonly kind: 'batch'; readonly batch: RecordBatch }
  /** `notes`: what is known at the end only. */
  | { readonly kind: 'stop'; readonly notes: Readonly<Record<string, string>> };

/** An operating error as it crosses the thread border. */
export interface WriterTrouble {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export type FromWriter =
  /** The file exists; recording may begin. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'stored'; readonly costBytes: number }
  /** Storing failed; what was sent is kept and tried again. */
  | { readonly kind: 'trouble'; readonly trouble: WriterTrouble }
  | { readonly kind: 'recovered' }
  /** What the capture takes on disk, all its files together. */
  | { readonly kind: 'grown'; readonly fileBytes: number }
  /** Nobody can open the file by its name any more; it is written all the same until it is closed. */
  | { readonly kind: 'removed' }
  | { readonly kind: 'sealed'; readonly fileBytes: number }
  /** The file could not be made, or not be sealed; the thread ends. */
  | { readonly kind: 'failed'; readonly trouble: WriterTrouble };
