/**
 * Redacts whole frames. Checksums that were valid are made valid again, 0 stays 0; a wrong one becomes what the checksum
 * of the message became that it was right for, so that a message changed on its way still differs in just what was
 * changed. Equal frames are redacted once as long as they follow each other closely, as copies for many clients do.
 */
import type { Dialect } from '../protocol/types.ts';
import { checksumState, frameChecksum, u32At, viewOf } from '../wire/header.ts';
import { type FramePlan, FramePlanner, type FieldAccount } from './frame-plan.ts';
import type { Permutations } from './permutations.ts';
import type { Redaction } from './redaction-rules.ts';
import { doSteps } from './steps.ts';

interface Redacted {
  readonly bytes: Uint8Array;
  readonly plan: FramePlan;
}

const CHECKSUM_BYTES = 4;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** Of a frame that is kept, besides its bytes. */
const KEPT_EXTRA_BYTES = 256;

export class FrameRedactor {
  readonly #dialect: Dialect;
  readonly #planner: FramePlanner;
  readonly #permutations: Permutations;
  /** The frame for which a checksum is right that is wrong elsewhere. */
  readonly #rightFor: ReadonlyMap<number, Uint8Array>;
  /** Two generations: when the younger one is full, the older one is forgotten. */
  #young = new Map<string, Redacted>();
  #old = new Map<string, Redacted>();
  #youngBytes = 0;

  constructor(
    dialect: Dialect,
    redaction: Redaction,
    permutations: Permutations,
    rightFor: ReadonlyMap<number, Uint8Array>,
  ) {
    this.#dialect = dialect;
    this.#planner = new FramePlanner(dialect, redaction);
    this.#permutations = permutations;
    this.#rightFor = rightFor;
  }

  get accounts(): readonly FieldAccount[] {
    return this.#planner.accounts;
  }

  /** Counts its fields. What it returns must not be changed. */
  redact(frame: Uint8Array): Uint8Array {
    const { bytes, plan } = this.#redacted(frame);
    for (const account of plan.accounts) account.values += 1;
    return bytes;
  }

  /** For who needs a part of it only. */
  peek(frame: Uint8Array): Uint8Array {
    return this.#redacted(frame).bytes;
  }

  /** Whole TLVs of a frame that is not whole, in place; its checksum is the caller's affair. */
  redactPart(part: Uint8Array): void {
    const plan = this.#planner.plan(part);
    doSteps(plan.steps, part, this.#permutations);
    for (const account of plan.accounts) account.values += 1;
  }

  /** The checksum of what is not right for it, in place. */
  redactWrongChecksum(bytes: Uint8Array): void {
    const right = this.#rightFor.get(u32At(bytes, 0));
    if (right === undefined) {
      this.#permutations.permuteKeepingZero({ scope: 'checksum', bytes });
      return;
    }
    const at = this.#dialect.header.offsets.checksum;
    bytes.set(this.#redacted(right).bytes.subarray(at, at + CHECKSUM_BYTES));
  }

  #redacted(frame: Uint8Array): Redacted {
    const key = Buffer.from(frame.buffer, frame.byteOffset, frame.length).toString('latin1');
    const known = this.#young.get(key) ?? this.#old.get(key);
    if (known !== undefined) return known;
    const redacted = this.#make(frame);
    this.#youngBytes += 2 * frame.length + KEPT_EXTRA_BYTES;
    if (this.#youngBytes > KEPT_BYTES_MAX) {
      this.#old = this.#young;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    this.#young.set(key, redacted);
    return redacted;
  }

  #make(frame: Uint8Array): Redacted {
    const layout = this.#dialect.header;
    const plan = this.#planner.plan(frame);
    const bytes = Uint8Array.from(frame);
    const state = checksumState(layout, frame);
    doSteps(plan.steps, bytes, this.#permutations);
    const at = layout.offsets.checksum;
    if (state === 'valid') viewOf(bytes).setUint32(at, frameChecksum(layout, bytes), true);
    else if (state === 'wrong') this.redactWrongChecksum(bytes.subarray(at, at + CHECKSUM_BYTES));
    return { bytes, plan };
  }
}
