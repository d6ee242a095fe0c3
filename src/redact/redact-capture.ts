/**
 * Makes a capture that says the same with other values: the same connections, times, chunks, frames, defects and gaps,
 * equal where they were equal and different where they were different. The new file is written from nothing, so that it
 * never held a byte of what was redacted; it is read again beside the old one before it is called done.
 */
import { rmSync } from 'node:fs';
import { mapSpans } from '../capture/map-spans.ts';
import { openCapture } from '../capture/open.ts';
import { REDACTED_NOTE } from '../capture/redaction-note.ts';
import { readSpans } from '../capture/spans.ts';
import type { CaptureReader, Gap, StreamRow } from '../capture/types.ts';
import { CaptureWriter, type ChunkToWrite } from '../capture/writer.ts';
import { mergeSorted } from '../lib/merge-sorted.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';
import { u32At } from '../wire/header.ts';
import { FrameRedactor } from './frame-redactor.ts';
import { HEADER_TIME } from './protected-fields.ts';
import { Originals } from './originals.ts';
import { wireOffset } from './offset.ts';
import { Permutations } from './permutations.ts';
import { TextRedactor } from './redact-texts.ts';
import type { RedactionReport } from './redaction-report.ts';
import type { RedactAction } from './redaction-shape.ts';
import type { Redaction } from './redaction-rules.ts';
import { findStructureChange } from './same-structure.ts';
import { SpanParts, SpanRedactor } from './span-redactor.ts';
import type { Step } from './steps.ts';

export interface RedactOptions {
  readonly out: string;
  readonly dialect: Dialect;
  readonly protocolSchemas: Protocol['sources'];
  readonly redaction: Redaction;
  /** Name of the file with its rules, for the note of it; undefined: there is none. */
  readonly rulesName: string | undefined;
  /** undefined only where nothing needs one: see `needsKey`. */
  readonly key: Uint8Array | undefined;
  /** Version of relaydiff. */
  readonly writer: string;
  readonly onProgress: (step: string, doneBytes: number, totalBytes: number) => void;
}

const FLUSH_BYTES = 4 * 1024 * 1024;
const FLUSH_CHUNKS = 16_384;
/** That values look like a frame happens by chance once in so many captures that a second try is one too many already. */
const ATTEMPTS_MAX = 4;
const CHECKSUM_BYTES = 4;

/** Whether anything becomes a pseudonym. */
export function needsKey({ default: otherwise, defects, texts, rules }: Redaction): boolean {
  return (
    [otherwise, defects, texts].includes('pseudonym') ||
    rules.some(({ action }) => action === 'pseudonym')
  );
}

/**
 * Throws USAGE for a capture without its end, CAPTURE_EXISTS, CAPTURE_UNWRITABLE, CAPTURE_DAMAGED, and REDACTION_FAILED
 * when the result does not hold the same frames; then nothing is left of it.
 */
export function redactCapture(capture: CaptureReader, options: RedactOptions): RedactionReport {
  if (!capture.info.sealed) {
    throw new OperatingError(
      'USAGE',
      `${capture.path} is not sealed: its recorder did not end, or goes on`,
      {
        hint: 'End the recorder, or save what is there with relaydiff recover; then redact that.',
      },
    );
  }
  for (let attempt = 1; ; attempt++) {
    const { report, change } = tryOnce(capture, attempt, options);
    if (change === undefined) return report;
    if (attempt < ATTEMPTS_MAX) continue;
    throw new OperatingError(
      'REDACTION_FAILED',
      `${capture.path} redacted does not hold the same frames: ${change}`,
      { hint: 'Please report this with the rules; another key may do.' },
    );
  }
}

function tryOnce(
  capture: CaptureReader,
  attempt: number,
  options: RedactOptions,
): { readonly report: RedactionReport; readonly change: string | undefined } {
  const work = new RedactionWork(capture, attempt, options);
  let isDone = false;
  try {
    const report = work.run();
    const change = work.findChange();
    isDone = change === undefined;
    return { report, change };
  } finally {
    if (work.hasBegun && !isDone)
      for (const suffix of ['', '-wal', '-shm', '-journal'])
        rmSync(`${options.out}${suffix}`, { force: true });
  }
}

class RedactionWork {
  /** Whether there is a file of its own. */
  hasBegun = false;
  readonly #capture: CaptureReader;
  readonly #attempt: number;
  readonly #options: RedactOptions;
  readonly #permutations: Permutations;
  readonly #originals: Originals;
  readonly #frames: FrameRedactor;
  readonly #spans: SpanRedactor;
  readonly #texts: TextRedactor;
  #frameCount = 0;

  constructor(capture: CaptureReader, attempt: number, options: RedactOptions) {
    const { dialect, redaction, key } = options;
    this.#capture = capture;
    this.#attempt = attempt;
    this.#options = options;
    const permutations = new Permutations(key ?? new Uint8Array(), `redaction ${attempt}`);
    this.#permutations = permutations;
    const originals = new Originals(dialect.header);
    this.#originals = originals;
    this.#frames = new FrameRedactor(dialect, redaction, permutations, originals.rightFor);
    this.#spans = new SpanRedactor({
      layout: dialect.header,
      frames: this.#frames,
      originals,
      permutations,
      redaction,
    });
    this.#texts = new TextRedactor(permutations, redaction.texts);
  }

  run(): RedactionReport {
    this.#collect();
    this.#write();
    return this.#report();
  }

  /** What became of the frames, if anything did. */
  findChange(): string | undefined {
    const written = openCapture(this.#options.out);
    try {
      const progress = this.#progress('checking');
      return findStructureChange(this.#capture, written, this.#options.dialect, progress);
    } finally {
      written.close();
    }
  }

  /** Counts up to the bytes of all streams. */
  #progress(step: string): (bytes: number) => void {
    const total = this.#capture.streams().reduce((sum, { bytes }) => sum + bytes, 0);
    let done = 0;
    return (bytes) => {
      done += bytes;
      this.#options.onProgress(step, done, total);
    };
  }

  /** Reads the capture once for pieces, and again for what they are of, if there are any. */
  #collect(): void {
    const { header } = this.#options.dialect;
    const parts = new SpanParts(header);
    const seen = this.#progress('looking for pieces');
    for (const stream of this.#capture.streams()) {
      for (const { span } of readSpans(this.#capture, stream, header)) {
        parts.collect(span, this.#originals);
        seen(span.bytes.length);
      }
    }
    if (this.#originals.isEmpty) return;
    const found = this.#progress('looking for their messages');
    for (const stream of this.#capture.streams()) {
      for (const { span } of readSpans(this.#capture, stream, header)) {
        found(span.bytes.length);
        if (span.kind !== 'frame') continue;
        this.#originals.offerChecksum(span.bytes);
        if (stream.kind === 'client') this.#originals.offerSent(span.bytes);
      }
    }
  }

  #write(): void {
    const { info } = this.#capture;
    const { dialect, out, writer: version, protocolSchemas } = this.#options;
    const writer = CaptureWriter.create(out, {
      origin: info.origin,
      writer: version,
      startedUnixNs: info.startedUnixNs + startOffset(this.#options.redaction),
      dialect: dialect.name,
      layout: dialect.header,
      notes: { ...this.#texts.notes(info.notes), [REDACTED_NOTE]: this.#noteText() },
      protocolSchemas: new Map(protocolSchemas),
    });
    this.hasBegun = true;
    for (const row of this.#capture.connections())
      writer.addConnection({ ...row, label: this.#texts.label(row.label) });
    this.#writeChunks(writer);
    for (const event of this.#capture.events())
      writer.addEvent({ ...event, details: this.#texts.details(event.details) });
    for (const gap of this.#capture.gaps()) writer.addGap(this.#gap(gap));
    for (const account of this.#capture.accounts()) writer.addAccount(account);
    writer.seal();
  }

  /** In order of time over all streams, as they were recorded: then what repeats lies close together. */
  #writeChunks(writer: CaptureWriter): void {
    const written = this.#progress('redacting');
    const openedNs = new Map(this.#capture.connections().map((row) => [row.id, row.openedNs]));
    const sequences = this.#capture
      .streams()
      .map((stream) => this.#chunksOf(stream, openedNs.get(stream.connection) ?? 0n));
    let bytes = 0;
    let chunks = 0;
    for (const { chunk } of mergeSorted(sequences, inOrder)) {
      if (chunk === undefined) continue;
      writer.addChunk(chunk);
      bytes += chunk.bytes.length;
      chunks += 1;
      written(chunk.bytes.length);
      if (bytes < FLUSH_BYTES && chunks < FLUSH_CHUNKS) continue;
      writer.flush();
      bytes = 0;
      chunks = 0;
    }
  }

  *#chunksOf(stream: StreamRow, openedNs: bigint): Generator<Moment> {
    const { connection, kind } = stream;
    // Nothing of the stream is read before its connection is there.
    yield { timeNs: openedNs, ordinal: 0, chunk: undefined };
    const mapped = mapSpans(
      this.#capture.chunks(stream.id),
      {
        layout: this.#options.dialect.header,
        restarts: this.#capture.restarts(connection, kind),
      },
      (span) => {
        if (span.kind === 'frame') this.#frameCount += 1;
        return this.#spans.redact(span);
      },
    );
    for (const chunk of mapped) {
      const { timeNs, ordinal } = chunk;
      yield { timeNs, ordinal, chunk: { ...chunk, connection, stream: kind } };
    }
  }

  #gap(gap: Gap): Gap {
    return {
      ...gap,
      firstHeader: gap.firstHeader && this.#gapHeader(gap.firstHeader),
      lastHeader: gap.lastHeader && this.#gapHeader(gap.lastHeader),
    };
  }

  /** Of a message that nobody has any more, so of its checksum nothing is right. */
  #gapHeader(header: Uint8Array): Uint8Array {
    const { sizeBytes, offsets } = this.#options.dialect.header;
    if (header.length < sizeBytes) return header;
    const redacted = Uint8Array.from(header);
    this.#frames.redactPart(redacted);
    const checksum = redacted.subarray(offsets.checksum, offsets.checksum + CHECKSUM_BYTES);
    if (u32At(checksum, 0) !== 0) this.#frames.redactWrongChecksum(checksum);
    return redacted;
  }

  /** By it captures can be told that have the same pseudonyms. */
  #keyName(): string | undefined {
    return this.#options.key && this.#permutations.nameOf('key', '');
  }

  #noteText(): string {
    const { rulesName } = this.#options;
    const rules = rulesName === undefined ? 'without rules' : `by ${rulesName}`;
    const key = this.#keyName();
    return `${rules}, ${key === undefined ? 'without a key' : `key ${key}`}`;
  }

  #report(): RedactionReport {
    const { out, redaction } = this.#options;
    const { ofMessages, ofFrames, bare } = this.#spans.counts;
    const fields = this.#frames.accounts.map(({ path, action, rule, values }) => ({
      path,
      action: ACTION_OF_STEP[action],
      rule: rule ?? null,
      values,
    }));
    return {
      format: 'relaydiff-redaction/1',
      source: this.#capture.path,
      out,
      key: this.#keyName() ?? null,
      attempt: this.#attempt,
      fields,
      rules: redaction.rules.map(({ id, action }) => ({
        id,
        action,
        values: fields.reduce((sum, each) => sum + (each.rule === id ? each.values : 0), 0),
      })),
      counts: {
        frames: this.#frameCount,
        texts: this.#texts.count,
        piecesOfMessages: ofMessages,
        piecesOfFrames: ofFrames,
        bare,
        forgotten: this.#originals.forgotten,
      },
    };
  }
}

interface Moment {
  readonly timeNs: bigint;
  readonly ordinal: number;
  readonly chunk: ChunkToWrite | undefined;
}

function inOrder(left: Moment, right: Moment): number {
  if (left.timeNs !== right.timeNs) return left.timeNs < right.timeNs ? -1 : 1;
  return left.ordinal - right.ordinal;
}

/** The clock of the recording goes with that of all messages, so that they keep their ages. */
function startOffset({ rules }: Redaction): bigint {
  const first = rules.find(
    ({ takesAllMessages, selectsField }) =>
      takesAllMessages && selectsField('header.timestamp', 'semantic'),
  );
  const { by } = first ?? {};
  return (by && wireOffset(by, HEADER_TIME)) ?? 0n;
}

const ACTION_OF_STEP: Readonly<Record<Step['kind'], RedactAction>> = {
  keep: 'keep',
  zero: 'zero',
  shift: 'shift',
  permute: 'pseudonym',
  'permute-set': 'pseudonym',
  'permute-but': 'pseudonym',
  rename: 'pseudonym',
};
