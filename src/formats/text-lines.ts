/** The lines of a text that comes in pieces, each with its number; one line is in memory at a time. */
import { importInvalid } from './import-records.ts';

/** A chunk of 16 MiB as hex, and room. */
const LINE_BYTES_MAX = 64 * 1024 * 1024;
const NEWLINE = 0x0a;

export interface NumberedLine {
  /** Without its end. */
  readonly line: string;
  /** From 1. */
  readonly number: number;
}

/** Throws IMPORT_INVALID for a line that is too long or is no UTF-8. */
export async function* linesOf(
  bytes: AsyncIterable<Uint8Array>,
  file: string,
): AsyncGenerator<NumberedLine> {
  const text = new TextDecoder('utf-8', { fatal: true });
  let number = 1;
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  const take = (last: Uint8Array): NumberedLine => {
    const whole = pending.length === 0 ? last : Buffer.concat([...pending, last]);
    pending = [];
    pendingBytes = 0;
    try {
      return { line: text.decode(whole), number: number++ };
    } catch {
      throw importInvalid(file, `line ${number}`, 'it is no UTF-8 text');
    }
  };
  for await (const piece of bytes) {
    let from = 0;
    for (let at = piece.indexOf(NEWLINE); at >= 0; at = piece.indexOf(NEWLINE, from)) {
      yield take(piece.subarray(from, at));
      from = at + 1;
    }
    pending.push(piece.subarray(from));
    pendingBytes += piece.length - from;
    if (pendingBytes > LINE_BYTES_MAX)
      throw importInvalid(file, `line ${number}`, `it is longer than ${LINE_BYTES_MAX} bytes`);
  }
  if (pendingBytes > 0) yield take(new Uint8Array());
}
