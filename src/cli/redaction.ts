/** What verbs that redact have in common: rules and key as options, and what is told of what was done. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { Option } from 'commander';
import { namesOfDialects } from '../diff/rules/protocol-names.ts';
import { formatCount } from '../lib/format.ts';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';
import { needsKey, type RedactOptions } from '../redact/redact-capture.ts';
import type { RedactionReport } from '../redact/redaction-report.ts';
import { readRedaction } from '../redact/redaction-rules.ts';

export interface RedactionFiles {
  /** undefined: no rules. */
  readonly rules: string | undefined;
  readonly keyFile: string | undefined;
}

export const KEY_VARIABLE = 'RELAYDIFF_REDACT_KEY';
/** Fewer bytes could be guessed, and with them every value. */
const KEY_BYTES_MIN = 16;

export function keyFileOption(): Option {
  return new Option('--key-file <file>', `key of the pseudonyms, ${KEY_BYTES_MIN} bytes or more`);
}

/** Throws INPUT_UNREADABLE, RULES_INVALID with all mistakes, and USAGE without a key where one is needed. */
export function readRedactionFiles(
  { rules, keyFile }: RedactionFiles,
  protocol: Protocol,
  dialect: Dialect,
): Pick<RedactOptions, 'redaction' | 'rulesName' | 'key'> {
  const names = namesOfDialects(protocol.dialectNames.map((name) => protocol.dialect(name)));
  const text = rules === undefined ? '' : readBytes(rules).toString('utf8');
  const redaction = readRedaction(rules ?? 'no rules', text, { names, dialect });
  return {
    redaction,
    rulesName: rules === undefined ? undefined : basename(rules),
    key: needsKey(redaction) ? readKey(keyFile) : undefined,
  };
}

/** Throws INPUT_UNREADABLE. */
function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
      hint: 'Check the path; docs/redaction.md describes rules and keys.',
      cause: error,
    });
  }
}

/** Throws USAGE without a key, and for one that could be guessed. */
function readKey(file: string | undefined): Uint8Array {
  const fromVariable = process.env[KEY_VARIABLE] ?? '';
  if (file === undefined && fromVariable === '') {
    throw new OperatingError('USAGE', 'pseudonyms need a key', {
      hint: `Give --key-file, or set ${KEY_VARIABLE}: head -c 32 /dev/urandom > redact.key`,
    });
  }
  const key = file === undefined ? Buffer.from(fromVariable, 'utf8') : readBytes(file);
  if (key.length >= KEY_BYTES_MIN) return key;
  throw new OperatingError(
    'USAGE',
    `the key has ${key.length} bytes, ${KEY_BYTES_MIN} are needed`,
    {
      hint: 'Make one: head -c 32 /dev/urandom > redact.key',
    },
  );
}

/** A line each; the first says how much was redacted. */
export function redactionLines(report: RedactionReport): readonly string[] {
  const { key, attempt, rules, counts } = report;
  const of = (count: number, what: string): string => `${formatCount(count)} ${what}`;
  const pieces = counts.piecesOfMessages + counts.piecesOfFrames + counts.bare;
  const unused = rules.filter(({ values }) => values === 0);
  return [
    `${of(counts.frames, 'frames')} and ${of(pieces, 'pieces of frames')} redacted, ${of(counts.texts, 'texts')} replaced; read again: the same frames${key === null ? '' : `; key ${key}`}`,
    ...(attempt > 1
      ? [`values looked like frames: pseudonyms are those of attempt ${attempt}`]
      : []),
    ...(counts.forgotten > 0
      ? [
          `${of(counts.forgotten, 'pieces')} are redacted for themselves: more than can be looked for`,
        ]
      : []),
    ...unused.map(({ id }) => `UNUSED: rule ${id} selected nothing`),
  ];
}
