/** A dashboard: sends nothing, reads 8,192 bytes at a time, and stays until the connection is closed. */
import type { ClientModel } from '../client.ts';
import type { Write } from '../traffic.ts';

const READ_BUFFER_BYTES = 8_192;

/** `stallMs` makes it a slow consumer that begins to read late; Infinity: one that never reads. */
export function dashboard(
  options: { readonly stallMs?: number } = {},
): ClientModel & { readonly script: Iterable<Write> } {
  return { ...options, script: [], stays: true, readBufferBytes: READ_BUFFER_BYTES };
}
