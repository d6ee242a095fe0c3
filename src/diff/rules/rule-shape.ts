/**
 * The shape of a rules file (docs/rules.md, schemas/json/rules.schema.json), before names are looked up. Every
 * scalar is a text, as it was written: a number of 64 bits or a tolerance must not become a float on the way.
 */
import { z } from 'zod';
import { RULE_ACTIONS, type RuleAction } from '../types.ts';
import { name, text, words } from './text-shapes.ts';

const whereShape = z.strictObject(
  {
    kind: words.optional(),
    side: words.optional(),
    connection: words.optional(),
    domain: words.optional(),
    source: words.optional(),
    tlv: words.optional(),
    path: words.optional(),
    class: words.optional(),
    cause: words.optional(),
    group: words.optional(),
  },
  'expected what the rule applies to: a map of kind, path, tlv, ...',
);

export const ruleShape = z.strictObject(
  {
    id: name,
    action: z.enum(RULE_ACTIONS, {
      error: `expected one of ${RULE_ACTIONS.join(', ')}`,
    }),
    reason: text,
    owner: text.optional(),
    expires: text.optional(),
    where: whereShape,
    absolute: text.optional(),
    relative: text.optional(),
    key: words.optional(),
  },
  'expected a rule: a map of id, action, reason and where',
);

/** The rules are checked one by one, so that one bad rule hides no mistake of another. */
export const rulesFileShape = z.strictObject(
  {
    // A key without a value is an empty text here.
    rules: z.union([z.array(z.unknown()), z.literal('')], { error: 'expected a list of rules' }),
  },
  'expected a map with the key rules',
);

export type RuleShape = z.infer<typeof ruleShape>;
export type WhereShape = z.infer<typeof whereShape>;
export type Selector = keyof WhereShape;

export function listOf(words: string | readonly string[] | undefined): readonly string[] {
  if (words === undefined) return [];
  return typeof words === 'string' ? [words] : words;
}

/** Selectors of single differences; a rule without them takes the whole divergence. */
export const FIELD_SELECTORS: readonly Selector[] = ['path', 'class'];

interface ActionKeys {
  readonly needed: readonly (keyof RuleShape)[];
  readonly neededSelectors: readonly Selector[];
  /** undefined: all. */
  readonly selectors: readonly Selector[] | undefined;
}

const MESSAGE_SELECTORS: readonly Selector[] = ['connection', 'domain', 'source', 'tlv', 'path'];

/** What each action must have, and which selectors make sense for it. */
export const ACTION_KEYS: Readonly<Record<RuleAction, ActionKeys>> = {
  ignore: { needed: [], neededSelectors: [], selectors: undefined },
  expect: { needed: ['owner', 'expires'], neededSelectors: [], selectors: undefined },
  tolerate: {
    needed: [],
    neededSelectors: ['path'],
    selectors: [...MESSAGE_SELECTORS, 'class'],
  },
  'as-set': { needed: [], neededSelectors: ['path'], selectors: MESSAGE_SELECTORS },
  'as-map': { needed: ['key'], neededSelectors: ['path'], selectors: MESSAGE_SELECTORS },
};

/** Keys that belong to one action only. */
export const OWN_KEYS: ReadonlyMap<keyof RuleShape, RuleAction> = new Map([
  ['absolute', 'tolerate'],
  ['relative', 'tolerate'],
  ['key', 'as-map'],
] as const);
