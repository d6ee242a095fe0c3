/** Option values that several verbs parse in the same way. */
import { InvalidArgumentError, Option } from 'commander';

export const DEFAULT_DIALECT = 'torq-codec';

const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = {
  '': 1,
  k: 1_024,
  m: 1_048_576,
  g: 1_073_741_824,
};

/** Node's timers count in 32 bits; a longer one would ring at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** `500ms`, `10s`, `5m`, `1h` -> ms. */
export function parseDurationMs(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const unit = DURATION_MS[match?.[2] ?? ''];
  if (unit === undefined)
    throw new InvalidArgumentError('Write a number and a unit: 500ms, 10s, 5m, 1h.');
  const durationMs = Number(match?.[1]) * unit;
  if (durationMs > TIMER_MS_MAX) throw new InvalidArgumentError('At most 596h fit into a timer.');
  return durationMs;
}

/** `65536`, `8m`, `1g` -> bytes; k, m and g are powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+)([kmg]?)$/i.exec(text);
  const unit = SIZE_BYTES[(match?.[2] ?? 'none').toLowerCase()];
  if (unit === undefined)
    throw new InvalidArgumentError('Write a number of bytes: 65536, 512k, 8m, 1g.');
  return Number(match?.[1]) * unit;
}

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}

export function parsePositive(text: string): number {
  const count = parseCount(text);
  if (count < 1) throw new InvalidArgumentError('Write a whole number from 1.');
  return count;
}

export function junitOption(): Option {
  return new Option('--junit <file>', 'write the outcome as JUnit XML');
}

export function markdownOption(): Option {
  return new Option('--markdown <file>', 'write the outcome as a page of Markdown');
}

export function githubOption(): Option {
  return new Option(
    '--github',
    'print annotations for GitHub Actions on stderr, and add the page to the summary of the job',
  ).default(false);
}

export function dialectOption(description: string): Option {
  return new Option('--dialect <name>', description);
}

export function asideOption(): Option {
  return new Option(
    '--old-aside <name>',
    "name of the relay's socket while its path is taken over (default: PATH.relaydiff-old)",
  );
}

/** Repeatable; the value is the list of files. */
export function schemaOption(): Option {
  return new Option('--schema <file>', 'add definitions of your own to the protocol; repeatable')
    .argParser((file: string, before: readonly string[]) => [...before, file])
    .default([]);
}

/** Repeatable; the value is the list of files. */
export function rulesOption(): Option {
  return new Option(
    '--rules <file>',
    'what is no divergence, or an expected one (docs/rules.md); repeatable',
  )
    .argParser((file: string, before: readonly string[]) => [...before, file])
    .default([]);
}

export function remarksOption(): Option {
  return new Option('--remarks', 'also show what is odd about good messages').default(false);
}

export type RemarksChoice = 'show' | 'hide';

/** Of verbs whose result has remarks. */
export function remarksChoiceOption(): Option {
  return new Option('--remarks <choice>', 'what is odd about good messages; never a difference')
    .choices(['show', 'hide'] satisfies RemarksChoice[])
    .default('show' satisfies RemarksChoice);
}

export function quietOption(): Option {
  return new Option('-q, --quiet', 'say nothing but errors on stderr').default(false);
}
