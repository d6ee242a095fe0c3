/** What a reader of windows is given and gives: limits, and what is done with its pieces and with all that it passes. */
import type { Side, StreamRow } from '../../capture/types.ts';
import type { Identity } from '../identity.ts';
import type { Settled } from '../noise/judging.ts';
import type { Agreement } from '../scan/agreement-scan.ts';
import type { WalkedSpan } from '../scan/stream-walk.ts';
import type { SpanRecord } from './records-of-spans.ts';

export interface WindowLimits {
  /** Messages sent before and behind what does not agree that are analysed with it. */
  readonly contextMoments: number;
  /** Spans that are remembered; half of them at most are one window. */
  readonly recordsMax: number;
  /** Of frames too long for a key. */
  readonly bytesMax: number;
  /** Windows of the first reading that those after it need not make again; more of them, and none is kept. */
  readonly keptBytesMax: number;
}

export interface WindowSink {
  /** Everything of some messages that agreed wherever they were delivered. */
  agreed(records: readonly SpanRecord[]): void;
  window(records: readonly SpanRecord[]): void;
  /** Of what is still to come, what comes first. */
  settled?(next: Settled): void;
  /** The bytes are valid during the call. */
  sent?(record: SpanRecord, bytes: Uint8Array): void;
  /** The same. */
  delivered?(stream: DeliveringStream, walked: WalkedSpan, of: Delivery): void;
}

export interface Delivery {
  readonly key: string;
  /** The messages that it may come from. */
  readonly sent: readonly SpanRecord[];
}

export interface DeliveringStream {
  readonly row: StreamRow;
  readonly side: Side;
  readonly isOdd: (index: number) => boolean;
}

export interface WindowContext {
  readonly identity: Identity;
  readonly agreement: Agreement;
  readonly limits: WindowLimits;
  /** A pair that is farther apart is looked at. */
  readonly lateAfterNs: number | undefined;
}
