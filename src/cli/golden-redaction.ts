/** `--redact` and `--key-file` of the verbs that make and change goldens. */
import { Option } from 'commander';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader } from '../capture/types.ts';
import type { RedactWork } from '../golden/create.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { Protocol } from '../protocol/load.ts';
import { redactCapture } from '../redact/redact-capture.ts';
import { Progress, talk } from './output.ts';
import { readRedactionFiles, redactionLines } from './redaction.ts';
import { VERSION } from './version.ts';

export interface GoldenRedactionOptions {
  readonly redact?: string;
  readonly keyFile?: string;
  readonly quiet: boolean;
}

export function redactOption(): Option {
  return new Option('--redact <rules>', 'redact what is taken, by these rules (docs/redaction.md)');
}

/**
 * undefined: nothing is redacted. Rules and key are read at once. Throws INPUT_UNREADABLE, RULES_INVALID, and USAGE for a key
 * that is missing or for nothing.
 */
export function redactWorkOf(
  { redact, keyFile, quiet }: GoldenRedactionOptions,
  protocol: Protocol,
  { info }: Pick<CaptureReader, 'info'>,
): RedactWork | undefined {
  if (redact === undefined) {
    if (keyFile === undefined) return undefined;
    throw new OperatingError('USAGE', '--key-file goes with --redact', {
      hint: 'Name the rules: relaydiff golden create NAME --from RECORDING --redact redact.yaml --key-file redact.key',
    });
  }
  const dialect = protocol.dialect(info.dialect);
  const files = readRedactionFiles({ rules: redact, keyFile }, protocol, dialect);
  return (from, to) => {
    const capture = openCapture(from);
    const progress = new Progress({ quiet });
    try {
      const report = redactCapture(capture, {
        ...files,
        out: to,
        dialect,
        protocolSchemas: capture.protocolSchemas(),
        writer: VERSION,
        onProgress: (step, done, total) => progress.update(step, done, total),
      });
      progress.done();
      if (!quiet) for (const line of redactionLines(report)) talk(line);
    } finally {
      capture.close();
    }
  };
}
