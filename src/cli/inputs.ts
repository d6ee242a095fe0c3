/** What several verbs read in the same way: bytes, captures, and the dialect to read them with. */
import { createReadStream } from 'node:fs';
import type { CaptureReader } from '../capture/types.ts';
import { openCapture } from '../capture/open.ts';
import { type DialectSource, protocolForCapture } from '../inspect/capture-protocol.ts';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';
import { loadProtocolWith, readBuiltInSchemas, readSchemaFiles } from '../protocol/files.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';
import type { HeaderLayout } from '../wire/types.ts';

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

/** `schemaFiles`: definitions of the user, as given to --schema. */
export function protocolOf(capture: DialectSource, schemaFiles: readonly string[] = []): Protocol {
  return protocolForCapture(capture, readBuiltInSchemas(), readSchemaFiles(schemaFiles));
}

export function dialectOf(
  capture: CaptureReader,
  options: { readonly dialect?: string; readonly schema: readonly string[] },
): Dialect {
  return protocolOf(capture, options.schema).dialect(options.dialect ?? capture.info.dialect);
}

/** Where frames begin matters for the size of a new file only, so a lost definition is no reason to give up. */
export function layoutOf(
  capture: DialectSource,
  options: { readonly dialect: string; readonly schema: readonly string[] },
): HeaderLayout {
  try {
    return protocolOf(capture, options.schema).dialect(capture.info.dialect).header;
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    return loadProtocolWith(options.schema).dialect(options.dialect).header;
  }
}

/** Of a file, or of standard input when it is `-`. Throws INPUT_UNREADABLE. */
export async function* readBytes(file: string): AsyncGenerator<Uint8Array> {
  const input: AsyncIterable<Uint8Array> = file === '-' ? process.stdin : createReadStream(file);
  try {
    yield* input;
  } catch (error) {
    throw new OperatingError('INPUT_UNREADABLE', `cannot read ${file}: ${reasonOf(error)}`, {
      hint: 'Check the path, or give - to read standard input.',
      cause: error,
    });
  }
}
