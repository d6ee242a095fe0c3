/** How a capture is read: whole, or with a scan before that leaves what agrees aside. Says when the scan may be used. */
import { TAP_ORIGIN } from '../capture/blind-spots.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { Dialect } from '../protocol/types.ts';
import { masksOf } from './noise/judge.ts';
import { NoiseMask } from './noise/mask.ts';
import type { NoiseModel } from './noise/model.ts';
import { type CaptureContents, readCapture } from './read-capture.ts';
import { type AgreementLimits, AgreementScan } from './scan/agreement-scan.ts';
import type { WindowLimits } from './windows/window-reader.ts';

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
    keptBytesMax: 67_108_864,
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

/** Messages of two dialects, and those with noise, agree by meaning, never by their bytes. */
export function mayScan(reader: CaptureReader, options: ReadOptions): boolean {
  const { oldDialect, newDialect, noise, scan } = options;
  const sides = reader.streams().filter(({ kind }) => kind !== 'client');
  const bytes = sides.reduce((sum, stream) => sum + stream.bytes, 0);
  return (
    bytes > (scan?.wholeBytesMax ?? SCAN_OPTIONS.wholeBytesMax) &&
    oldDialect.name === newDialect.name &&
    noise === undefined &&
    reader.runs !== undefined
  );
}

/** Has read nothing yet. */
export function newScan(
  reader: CaptureReader,
  { oldDialect: dialect, remarks = true, scan }: ReadOptions,
): AgreementScan {
  const limits = { ...SCAN_OPTIONS, ...scan };
  return new AgreementScan({ dialect, remarks, limits }, reader.info.origin === TAP_ORIGIN);
}

/** Causes go by what is odd about messages, whether it is shown or not. */
export function readWhole(
  reader: CaptureReader,
  { oldDialect, newDialect, noise }: ReadOptions,
): CaptureContents {
  const mask = noise && new NoiseMask(masksOf(noise.types));
  return readCapture(reader, { old: oldDialect, new: newDialect }, { remarks: true, noise: mask });
}
