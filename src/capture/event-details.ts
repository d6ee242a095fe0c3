/** The details of an event, as they are stored: a MessagePack map of texts and numbers. */
import { decode } from '@msgpack/msgpack';
import type { CaptureEvent } from './types.ts';

/** Returns undefined when the bytes are no details: the file was damaged. */
export function decodeDetails(bytes: Uint8Array): CaptureEvent['details'] | undefined {
  let value: unknown;
  try {
    value = decode(bytes);
  } catch {
    return undefined; // The caller knows the place and reports it.
  }
  return isDetails(value) ? value : undefined;
}

function isDetails(value: unknown): value is CaptureEvent['details'] {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((item) => typeof item === 'string' || typeof item === 'number')
  );
}
