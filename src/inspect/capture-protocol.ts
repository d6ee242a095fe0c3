/** Which schemas a capture is read with (docs/decisions/0006): relaydiff's, those inside it, and the user's. */
import type { CaptureReader } from '../capture/types.ts';
import { isAddition } from '../protocol/additions.ts';
import { loadProtocol, type Protocol, type SchemaTexts } from '../protocol/load.ts';
import { readSchemaSource, schemaName } from '../protocol/schema-source.ts';

/** What of a capture says how to read it. */
export type DialectSource = Pick<CaptureReader, 'protocolSchemas'> & {
  readonly info: Pick<CaptureReader['info'], 'dialect'>;
};

/**
 * The dialects that come with relaydiff, corrected as they are over time; the schemas in the capture when
 * it was recorded with definitions that this relaydiff does not have. A file of the user stands for the one
 * of its name in the capture. Throws SCHEMA_INVALID.
 */
export function protocolForCapture(
  capture: DialectSource,
  builtIn: SchemaTexts,
  user: SchemaTexts,
): Protocol {
  const builtInNames = namesOf(builtIn);
  const userNames = namesOf(user);
  const recorded = [...capture.protocolSchemas()].filter(
    ([file]) => !userNames.has(schemaName(file)),
  );
  const isKnown = builtInNames.has(capture.info.dialect) || userNames.has(capture.info.dialect);
  const hasAdditions = recorded.some(
    ([file, text]) => !builtInNames.has(schemaName(file)) && addsTo(file, text),
  );
  const useRecorded = recorded.length > 0 && (!isKnown || hasAdditions);
  return loadProtocol([...(useRecorded ? recorded : builtIn), ...user]);
}

function namesOf(texts: SchemaTexts): ReadonlySet<string> {
  return new Set([...texts].map(([file]) => schemaName(file)));
}

function addsTo(file: string, text: string): boolean {
  const read = readSchemaSource(file, text);
  return 'source' in read && isAddition(read.source);
}
