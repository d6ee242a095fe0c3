/**
 * The shape of a redaction file (docs/redaction.md, schemas/json/redaction-rules.schema.json), before names are looked
 * up. Selectors are those of rules files; every scalar is a text, as it was written.
 */
import { z } from 'zod';
import { DIFFERENCE_CLASSES } from '../diff/types.ts';
import { name, text, words } from '../diff/rules/text-shapes.ts';

/**
 * - `pseudonym`: another value, the same one for the same value under one key.   - `zero`: all bits 0.
 * - `shift`: the value and a constant.   - `keep`: as it is.
 */
export const REDACT_ACTIONS = ['pseudonym', 'zero', 'shift', 'keep'] as const;
export type RedactAction = (typeof REDACT_ACTIONS)[number];

/** What only differences have is no class of a field. */
const FIELD_CLASSES = DIFFERENCE_CLASSES.filter((each) => each !== 'volatile');

export const redactionRuleShape = z.strictObject(
  {
    id: name.describe('what the report calls the rule; no two have the same'),
    action: z.enum(REDACT_ACTIONS, { error: `expected one of ${REDACT_ACTIONS.join(', ')}` }),
    reason: text.optional(),
    where: z.strictObject(
      {
        path: words.optional(),
        class: z
          .union([z.enum(FIELD_CLASSES), z.array(z.enum(FIELD_CLASSES)).min(1)], {
            error: `expected ${FIELD_CLASSES.join(', ')}, or a list of them`,
          })
          .optional(),
        tlv: words.optional(),
        domain: words.optional(),
        source: words.optional(),
      },
      'expected what the rule applies to: a map of path, class, tlv, domain, source',
    ),
    by: text
      .optional()
      .describe('of shift: a time (-30d, 90m, 250ns), or a number in the unit of the field'),
    scope: name
      .optional()
      .describe('of pseudonym: equal values of rules with one scope stay equal; by default the id'),
  },
  'expected a rule: a map of id, action and where',
);

/** The rules are checked one by one, so that one bad rule hides no mistake of another. */
export const redactionFileShape = z.strictObject(
  {
    default: z
      .enum(['pseudonym', 'zero', 'keep'], { error: 'expected pseudonym, zero or keep' })
      .optional()
      .describe('what happens to values that no rule selects; pseudonym if it is not said'),
    defects: z
      .enum(['pseudonym', 'keep'], { error: 'expected pseudonym or keep' })
      .optional()
      .describe('what happens to bytes that are no part of a message; pseudonym if it is not said'),
    texts: z
      .enum(['pseudonym', 'keep'], { error: 'expected pseudonym or keep' })
      .optional()
      .describe('labels of clients, paths and notes; pseudonym if it is not said'),
    rules: z
      .union([z.array(z.unknown()), z.literal('')], { error: 'expected a list of rules' })
      .optional(),
  },
  'expected a map of default, defects, texts and rules',
);

export type RedactionRuleShape = z.infer<typeof redactionRuleShape>;
