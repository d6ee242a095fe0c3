/** Reads what a process prints, and keeps the end of it; a process that prints without end keeps nobody from their work. */
import type { Readable } from 'node:stream';
import type { TailBuffer } from './output-tail.ts';

/** A relay that prints without end is read at this rate at most, so that it cannot keep the replay from its work. */
const READ_BYTES_MAX = 1_048_576;
const READ_PAUSE_MS = 10;

export function readTail(stream: Readable | null, tail: TailBuffer): void {
  let burstBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  stream?.on('data', (chunk: Buffer) => {
    tail.add(chunk);
    burstBytes += chunk.length;
    if (burstBytes >= READ_BYTES_MAX) stream.pause();
    timer ??= setTimeout(() => {
      timer = undefined;
      burstBytes = 0;
      stream.resume();
    }, READ_PAUSE_MS);
  });
  stream?.on('error', () => undefined);
}
