/** Redacts captures of tests. */
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader } from '../../src/capture/types.ts';
import { namesOfDialects } from '../../src/diff/rules/protocol-names.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { redactCapture } from '../../src/redact/redact-capture.ts';
import type { RedactionReport } from '../../src/redact/redaction-report.ts';
import { readRedaction, type Redaction } from '../../src/redact/redaction-rules.ts';

export const protocol = loadBuiltInProtocol();
export const dialects = protocol.dialectNames.map((name) => protocol.dialect(name));
const names = namesOfDialects(dialects);

export function redactionOf(rules: string, dialect = protocol.dialect('torq-codec')): Redaction {
  return readRedaction('redact.yaml', rules, { names, dialect });
}

export function redactOpen(
  capture: CaptureReader,
  out: string,
  rules: string,
  dialect: Dialect = protocol.dialect('torq-codec'),
): RedactionReport {
  return redactCapture(capture, {
    out,
    dialect,
    protocolSchemas: protocol.sources,
    redaction: redactionOf(rules, dialect),
    rulesName: 'redact.yaml',
    key: Buffer.from('a key that nobody guesses'),
    writer: 'test',
    onProgress: () => undefined,
  });
}

export function redact(
  from: string,
  out: string,
  rules: string,
  dialect?: Dialect,
): RedactionReport {
  const capture = openCapture(from);
  try {
    return redactOpen(capture, out, rules, dialect);
  } finally {
    capture.close();
  }
}
