/** What several verbs read in the same way: captures, and the dialect to read them with. */
import type { CaptureReader } from '../capture/types.ts';
import { openCapture } from '../capture/reader.ts';
import { loadBuiltInProtocol } from '../protocol/files.ts';
import { loadProtocol, type Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';

/** Opens a capture, lets `work` use it, and closes it whatever happens. */
export async function withCapture<T>(
  path: string,
  work: (capture: CaptureReader) => Promise<T> | T,
): Promise<T> {
  const capture = openCapture(path);
  try {
    return await work(capture);
  } finally {
    capture.close();
  }
}

/**
 * The dialects that come with relaydiff, corrected as they are over time; the schemas in the capture only
 * when it was recorded with a dialect that this relaydiff does not have.
 */
export function protocolOf(capture: CaptureReader): Protocol {
  const builtIn = loadBuiltInProtocol();
  const schemas = capture.protocolSchemas();
  const isKnown = builtIn.dialectNames.includes(capture.info.dialect);
  return isKnown || schemas.size === 0 ? builtIn : loadProtocol(schemas);
}

export function dialectOf(capture: CaptureReader, name: string | undefined): Dialect {
  return protocolOf(capture).dialect(name ?? capture.info.dialect);
}
