/** How a capture is read: whole, or with a scan before that leaves what agrees aside. Says when the scan may be used. */
import { TAP_ORIGIN } from '../capture/blind-spots.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { Identity } from './identity.ts';
import { masksOf } from './noise/judge.ts';
import { NoiseMask } from './noise/mask.ts';
import type { NoiseModel } from './noise/model.ts';
import { type CaptureContents, readCapture } from './read-capture.ts';
import { type AgreementLimits, AgreementScan } from './scan/agreement-scan.ts';
import type { WindowLimits } from './windows/window-sink.ts';

/** How a capture is read that is too large to keep a record of every message (docs/decisions/0015). */
export interface ScanOptions extends AgreementLimits {
  /** Up to so many bytes of both sides every message is kept: nothing is gained by retiring any. */
  readonly wholeBytesMax: number;
  /** Of the windows in which a capture is analysed that does not agree. */
  readonly windows: WindowLimits;
}

export const SCAN_OPTIONS: ScanOptions = {
  wholeBytesMax: 4_194_304,
  runMin: 3,
  waitingMax: 32_768,
  contentsMax: 64_000,
  perConnectionMin: 64,
  windows: {
    contextMoments: 32,
    recordsMax: 32_768,
    bytesMax: 33_554_432,
    keptBytesMax: 100_663_296,
  },
};

export interface ReadOptions {
  readonly oldDialect: Dialect;
  readonly newDialect: Dialect;
  readonly remarks?: boolean;
  readonly lateAfterMs?: number | undefined;
  readonly noise?: NoiseModel;
  readonly scan?: Partial<ScanOptions>;
}

/** Of a small capture every message is kept: nothing is gained by retiring any. */
export function mayScan(reader: CaptureReader, options: ReadOptions): boolean {
  const { scan } = options;
  const sides = reader.streams().filter(({ kind }) => kind !== 'client');
  const bytes = sides.reduce((sum, stream) => sum + stream.bytes, 0);
  return bytes > (scan?.wholeBytesMax ?? SCAN_OPTIONS.wholeBytesMax);
}

/** Has read nothing yet. */
export function newScan(reader: CaptureReader, options: ReadOptions): AgreementScan {
  const { remarks = true, scan } = options;
  const limits = { ...SCAN_OPTIONS, ...scan };
  const identity = identityOf(options);
  return new AgreementScan({ identity, remarks, limits }, reader.info.origin === TAP_ORIGIN);
}

export function identityOf({ oldDialect, newDialect, noise }: ReadOptions): Identity {
  const mask = noise && new NoiseMask(masksOf(noise.types));
  return new Identity({ old: oldDialect, new: newDialect }, mask);
}

/** Causes go by what is odd about messages, whether it is shown or not. */
export function readWhole(reader: CaptureReader, options: ReadOptions): CaptureContents {
  return readCapture(reader, { identity: identityOf(options), remarks: true });
}
