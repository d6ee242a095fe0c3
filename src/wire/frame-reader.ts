/**
 * Cuts a stream of bytes into frames, defects and the unfinished tail. Answers for: every byte lies in
 * exactly one span; the spans do not depend on how the stream was split into chunks; it never throws on
 * input; it holds at most about three times the largest frame; hostile bytes cannot make it work for more than a
 * fixed time a byte (doubt-budget). Does not decode payloads.
 *
 * In step, the reader follows `payload_size`. It doubts a frame only when another header seems to begin
 * inside it, as happens when a relay loses the rest of a frame and goes on with the next one: then the
 * checksum, what follows the frame, and the inner frame itself decide which of the two is real. Out of
 * step, it looks for the next frame in which magic, version, size, TLV walk and checksum all agree.
 */
import { toHex } from '../lib/bytes.ts';
import { DoubtBudget } from './doubt-budget.ts';
import {
  DEFAULT_FRAME_LIMITS,
  type FrameLimits,
  FrameRules,
  MAGIC_REST_BYTES,
} from './frame-rules.ts';
import { PendingBytes } from './pending-bytes.ts';
import type { DefectKind, HeaderLayout, Span } from './types.ts';

/** What can be said about the front of the window. */
type Step =
  | { readonly kind: 'need'; readonly untilBytes: number }
  | { readonly kind: 'frame'; readonly length: number }
  | { readonly kind: 'tail'; readonly detail: string }
  | {
      readonly kind: 'defect';
      readonly length: number;
      readonly defect: DefectKind;
      readonly detail: string;
      /** False when what follows must be searched for a frame first. */
      readonly inStep: boolean;
    };

export class FrameReader {
  readonly #rules: FrameRules;
  readonly #pending = new PendingBytes();
  /** Stream offset of the first pending byte. */
  #offset = 0;
  #inStep = true;
  /** No decision is possible below this many pending bytes: spares repeated looks at a growing frame. */
  #needBytes = 0;
  /** Counts from the front of the window: header positions before it are known to be no frame. */
  #searchedTo = 0;
  /** How far the frame at the front has been doubted. Kept, so that nothing is judged, or paid for, twice. */
  #doubt: 'none' | 'next' | 'inner' = 'none';
  /** What the checksum of that frame has cost. */
  #spent = 0;
  readonly #budget = new DoubtBudget();

  constructor(layout: HeaderLayout, limits: FrameLimits = DEFAULT_FRAME_LIMITS) {
    this.#rules = new FrameRules(layout, limits);
  }

  /** Stream offset of the first byte that no span has covered yet: the border after the last span. */
  get offset(): number {
    return this.#offset;
  }

  get pendingBytes(): number {
    return this.#pending.window.length;
  }

  /** The bytes of the returned spans are views: valid until the next call. */
  push(chunk: Uint8Array): readonly Span[] {
    this.#pending.append(chunk);
    if (this.pendingBytes < this.#needBytes) return [];
    return this.#take(false);
  }

  /** Nothing is pending or in doubt, and what hostile bytes cost is paid: what comes next is judged by itself. */
  get isAtRest(): boolean {
    return this.#inStep && this.pendingBytes === 0 && this.#budget.isFull;
  }

  /** For who has cut plain frames itself (`plainFrameBytes`) while the reader was at rest: they have passed. */
  pass(lengthBytes: number): void {
    this.#offset += lengthBytes;
  }

  /** The stream has ended: decides about everything that is left. */
  flush(): readonly Span[] {
    return this.#take(true);
  }

  /** The sender starts anew: ends what was pending, and goes on with a frame. */
  restart(): readonly Span[] {
    const spans = this.flush();
    this.#inStep = true;
    return spans;
  }

  /** `lengthBytes` of the stream are not known: ends what was pending and goes on behind them, out of step. */
  skip(lengthBytes: number): readonly Span[] {
    const spans = this.flush();
    this.#offset += lengthBytes;
    this.#inStep = false;
    return spans;
  }

  #take(final: boolean): readonly Span[] {
    const spans: Span[] = [];
    const window = this.#pending.window;
    const { buffer, byteOffset } = window;
    let position = 0;
    this.#needBytes = 0;
    while (position < window.length) {
      const plainBytes = this.#inStep ? this.#rules.plainFrameBytes(window, position) : 0;
      if (plainBytes > 0) {
        // A plain view is made twice as fast as a Buffer, and the views of its own are, too.
        const bytes = new Uint8Array(buffer, byteOffset + position, plainBytes);
        spans.push({ kind: 'frame', offset: this.#offset, bytes });
        position += plainBytes;
        this.#budget.giveBack(this.#spent);
        this.#moveOn(plainBytes);
        continue;
      }
      const rest = window.subarray(position);
      const step = this.#step(rest, final);
      if (step.kind === 'need') {
        this.#needBytes = step.untilBytes;
        break;
      }
      const length = step.kind === 'tail' ? rest.length : step.length;
      spans.push(this.#span(step, rest.subarray(0, length)));
      this.#inStep = step.kind !== 'defect' || step.inStep;
      position += length;
      this.#moveOn(length);
    }
    this.#pending.drop(position);
    return spans;
  }

  #moveOn(length: number): void {
    this.#offset += length;
    this.#searchedTo = 0;
    this.#doubt = 'none';
    this.#spent = 0;
    this.#budget.earn(length);
  }

  #span(step: Exclude<Step, { kind: 'need' }>, bytes: Uint8Array): Span {
    const offset = this.#offset;
    switch (step.kind) {
      case 'frame':
        return { kind: 'frame', offset, bytes };
      case 'tail':
        return { kind: 'tail', offset, bytes, detail: step.detail };
      case 'defect':
        return { kind: 'defect', offset, bytes, defect: step.defect, detail: step.detail };
    }
  }

  #step(window: Buffer, final: boolean): Step {
    if (!this.#inStep) return this.#search(window, 0, final, 'bad-magic');
    const judgement = this.#rules.judgeHeader(window, 0);
    switch (judgement.kind) {
      case 'no':
        return this.#search(window, 1, final, 'bad-magic');
      case 'oversize':
        return this.#search(window, 1, final, 'oversize-payload');
      case 'incomplete':
        if (!final) return { kind: 'need', untilBytes: this.#rules.layout.sizeBytes };
        return tail(`${window.length} of the ${this.#rules.layout.sizeBytes} header bytes`);
      case 'header':
        return window.length < judgement.frameBytes
          ? this.#unfinished(window, judgement.frameBytes, final)
          : this.#finished(window, judgement.frameBytes, final);
    }
  }

  /** A frame whose end has not come: wait, and at the end of the stream look whether another begins in it. */
  #unfinished(window: Buffer, frameBytes: number, final: boolean): Step {
    if (!final) return { kind: 'need', untilBytes: frameBytes };
    const inner = this.#innerFrame(window, window.length, final);
    if (inner?.kind === 'defect') return inner;
    return tail(`${window.length} of ${frameBytes} bytes of a frame, then the stream ended`);
  }

  #finished(window: Buffer, frameBytes: number, final: boolean): Step {
    const frame: Step = { kind: 'frame', length: frameBytes };
    if (this.#doubt === 'none') {
      if (this.#rules.hasExactTlvs(window, 0, frameBytes)) {
        if (this.#rules.isHeader(window, frameBytes)) return frame;
        if (this.#hasValidChecksum(window, frameBytes)) return frame;
        this.#doubt = 'next';
      } else {
        this.#doubt = 'inner';
      }
    }
    if (this.#doubt === 'next') {
      const next = this.#rules.judgeHeader(window, frameBytes);
      if (next.kind === 'incomplete' && !final) {
        return { kind: 'need', untilBytes: frameBytes + this.#rules.layout.sizeBytes };
      }
      if (next.kind === 'header' || next.kind === 'incomplete') {
        this.#budget.giveBack(this.#spent);
        return frame;
      }
      this.#doubt = 'inner';
    }
    return this.#innerFrame(window, frameBytes, final) ?? frame;
  }

  /** Of the frame at the front. Right ones cost nothing: the frame has as many bytes as were read. */
  #hasValidChecksum(window: Buffer, frameBytes: number): boolean {
    if (!this.#budget.spend(frameBytes)) return false;
    const valid = this.#rules.hasValidChecksum(window, 0, frameBytes);
    if (valid) this.#budget.giveBack(frameBytes);
    else this.#spent = frameBytes;
    return valid;
  }

  /** The first frame that can be trusted among those that begin before `end`: what precedes it was cut off. */
  #innerFrame(window: Buffer, end: number, final: boolean): Step | undefined {
    let position = this.#rules.nextMagic(window, Math.max(1, this.#searchedTo), end);
    while (position !== undefined) {
      const trust = this.#rules.trustFrame(window, position, this.#budget);
      if (trust.kind === 'need' && !final) {
        this.#searchedTo = position;
        return trust;
      }
      if (trust.kind === 'yes') return this.#truncated(window, position);
      position = this.#rules.nextMagic(window, position + 1, end);
    }
    const mayFollow = end + MAGIC_REST_BYTES;
    const cut = !final && window.length < mayFollow && this.#rules.endsInPartOfMagic(window, end);
    return cut ? { kind: 'need', untilBytes: mayFollow } : undefined;
  }

  #truncated(window: Buffer, length: number): Step {
    const announced =
      length < this.#rules.layout.sizeBytes
        ? 'a header'
        : `a frame of ${this.#rules.layout.sizeBytes + this.#rules.payloadSize(window, 0)} bytes`;
    return {
      kind: 'defect',
      length,
      defect: 'truncated-frame',
      detail: `${announced} breaks off after ${length} bytes, then another frame begins`,
      inStep: true,
    };
  }

  /** Out of step: everything up to the next frame that can be trusted is one defect. */
  #search(window: Buffer, from: number, final: boolean, defect: DefectKind): Step {
    let partial: number | undefined;
    const { layout, limits } = this.#rules;
    const lengthMax = limits.frameBytesMax;
    const magicEnd = lengthMax + layout.offsets.magic;
    let position = this.#rules.nextMagic(window, Math.max(from, this.#searchedTo), magicEnd);
    while (position !== undefined) {
      const trust = this.#rules.trustFrame(window, position, this.#budget);
      if (trust.kind === 'yes') {
        return position === 0
          ? { kind: 'frame', length: trust.frameBytes }
          : this.#searched(window, position, defect, true);
      }
      if (trust.kind === 'need') {
        this.#searchedTo = position;
        if (!final) return trust;
        partial ??= position;
      }
      position = this.#rules.nextMagic(window, position + 1, magicEnd);
    }
    if (partial !== undefined && partial > 0) return this.#searched(window, partial, defect, true);
    if (partial === 0) return tail(`${window.length} bytes of a frame, then the stream ended`);
    if (
      window.length >= lengthMax + this.#rules.undecidedBytes ||
      (final && window.length > lengthMax)
    ) {
      return this.#searched(window, lengthMax, defect, false);
    }
    if (final) return this.#searched(window, window.length, defect, true);
    this.#searchedTo = Math.max(from, window.length - this.#rules.undecidedBytes);
    return { kind: 'need', untilBytes: window.length + 1 };
  }

  #searched(window: Buffer, length: number, defect: DefectKind, inStep: boolean): Step {
    if (defect === 'oversize-payload' && inStep && length < this.#rules.layout.sizeBytes) {
      return this.#truncated(window, length);
    }
    const found = inStep && length < window.length ? ', then a frame begins' : '';
    const first = toHex(window.subarray(0, Math.min(4, length)));
    const detail =
      defect === 'oversize-payload'
        ? `a header announces ${this.#rules.payloadSize(window, 0)} payload bytes, over the limit; ${length} bytes${found}`
        : `${length} bytes that are no frame: they begin with ${first}${found}`;
    return { kind: 'defect', length, defect, detail, inStep };
  }
}

function tail(detail: string): Step {
  return { kind: 'tail', detail };
}
