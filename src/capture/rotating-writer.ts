/**
 * Writes a recording into one file, or into a set of files of which each is a capture by itself. The next file is
 * made before the last one is sealed, so that a full disk or a directory that has become read-only costs no byte:
 * then the old file simply goes on. Old files are removed only when the operator gave a limit.
 */
import { randomUUID } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { OperatingError } from '../lib/operating-error.ts';
import { findParts, partPath } from './part-files.ts';
import type { CaptureEvent, ConnectionRow, Gap, StreamAccount } from './types.ts';
import { type CaptureStart, CaptureWriter, type ChunkToWrite } from './writer.ts';

export interface Rotation {
  /** A file of this size, or that covers this time, is followed by another one. */
  readonly partBytesMax: number | undefined;
  readonly partNsMax: bigint | undefined;
  /** How many files to keep, the one that is written included. */
  readonly keptParts: number | undefined;
  /** What all files together may take on the disk. */
  readonly diskBytesMax: number | undefined;
}

interface WrittenPart {
  readonly path: string;
  readonly bytes: number;
}

export class RotatingWriter {
  readonly #out: string;
  readonly #start: CaptureStart;
  readonly #rotation: Rotation | undefined;
  readonly #set = randomUUID();
  readonly #connections = new Map<number, ConnectionRow>();
  #writer: CaptureWriter;
  #written: WrittenPart[] = [];
  #number = 1;
  #partStartNs = 0n;

  /** Throws CAPTURE_EXISTS or CAPTURE_UNWRITABLE. */
  constructor(out: string, start: CaptureStart, rotation: Rotation | undefined) {
    this.#out = out;
    this.#start = start;
    this.#rotation = rotation;
    if (rotation === undefined) {
      this.#writer = CaptureWriter.create(out, start);
      return;
    }
    const [found] = [...findParts(out).map((part) => part.path), ...existing(out)];
    if (found !== undefined) {
      throw new OperatingError('CAPTURE_EXISTS', `${found} exists already`, {
        hint: 'Name another file, or remove these first: relaydiff never overwrites a capture.',
      });
    }
    this.#writer = this.#createPart(this.#number, 0n);
  }

  /** The file that is being written. */
  get path(): string {
    return this.#writer.path;
  }

  /** Of all files that are kept. */
  get fileBytes(): number {
    return this.#written.reduce((sum, part) => sum + part.bytes, this.#writer.fileBytes);
  }

  addConnection(row: ConnectionRow): void {
    this.#connections.set(row.id, row);
    this.#writer.addConnection(row);
  }

  addChunk(chunk: ChunkToWrite): void {
    this.#writer.addChunk(chunk);
  }

  addEvent(event: CaptureEvent): void {
    this.#writer.addEvent(event);
  }

  addGap(gap: Gap): void {
    this.#writer.addGap(gap);
  }

  addAccount(account: StreamAccount): void {
    this.#writer.addAccount(account);
  }

  /** Nothing more will come of the connection: the next file need not know it. */
  endConnection(id: number): void {
    this.#connections.delete(id);
    this.#writer.endConnection(id);
  }

  /** Throws CAPTURE_UNWRITABLE; what was added is kept, and stored by the next flush that succeeds. */
  flush(): void {
    this.#writer.flush();
    if (this.#isPartFull()) this.#rotate();
  }

  /** `notes` go into the last file. Returns what all files that are kept take on the disk. Throws CAPTURE_UNWRITABLE. */
  seal(notes: Readonly<Record<string, string>> = {}): number {
    this.#sealPart(this.#writer, notes);
    return this.#written.reduce((sum, part) => sum + part.bytes, 0);
  }

  #isPartFull(): boolean {
    if (this.#rotation === undefined) return false;
    const { partBytesMax, partNsMax } = this.#rotation;
    const isLarge = partBytesMax !== undefined && this.#writer.fileBytes >= partBytesMax;
    const partNs = this.#writer.lastTimeNs - this.#partStartNs;
    return isLarge || (partNsMax !== undefined && partNs >= partNsMax);
  }

  #rotate(): void {
    const last = this.#writer;
    this.#writer = this.#createPart(this.#number + 1, last.lastTimeNs);
    this.#number += 1;
    this.#partStartNs = last.lastTimeNs;
    try {
      this.#sealPart(last);
    } finally {
      this.#removeOld();
    }
  }

  /** A file that cannot be sealed still holds everything up to its last flush. */
  #sealPart(part: CaptureWriter, notes: Readonly<Record<string, string>> = {}): void {
    try {
      part.seal(notes);
    } finally {
      const bytes = statSync(part.path, { throwIfNoEntry: false })?.size ?? 0;
      this.#written.push({ path: part.path, bytes });
    }
  }

  /** Connections that live on are in the next file too, each stream from where the last file ends. */
  #createPart(number: number, startNs: bigint): CaptureWriter {
    const firstOffsets = number === 1 ? new Map<string, number>() : this.#writer.streamEnds;
    const writer = CaptureWriter.create(partPath(this.#out, number), {
      ...this.#start,
      part: { set: this.#set, number, startNs, firstOffsets },
    });
    for (const row of this.#connections.values()) writer.addConnection(row);
    return writer;
  }

  #removeOld(): void {
    const { keptParts, diskBytesMax } = this.#rotation ?? {};
    const isTooMuch = (): boolean =>
      (keptParts !== undefined && this.#written.length + 1 > keptParts) ||
      (diskBytesMax !== undefined && this.fileBytes > diskBytesMax);
    while (this.#written.length > 0 && isTooMuch()) {
      const oldest = this.#written.shift();
      if (oldest !== undefined) rmSync(oldest.path, { force: true });
    }
  }
}

function existing(path: string): readonly string[] {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? [] : [path];
}
