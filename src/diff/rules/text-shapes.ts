/** Texts as they stand in files of rules, of those for redaction, too. */
import { z } from 'zod';

const TEXT_CHARACTERS_MAX = 2_000;

export const text = z
  .string('expected a text')
  .trim()
  .min(1, 'expected a text')
  .max(TEXT_CHARACTERS_MAX, `a text has at most ${TEXT_CHARACTERS_MAX} characters`);

export const words = z.union([text, z.array(text).min(1)], {
  error: 'expected a text, or a list of texts',
});

/** What a report calls something. */
export const name = text.regex(
  /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
  'a name is letters, digits, dot, hyphen and _, at most 100',
);
