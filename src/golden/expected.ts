/**
 * expected.json of a golden: what it promises and what is played for it, its shape (schemas/json/golden.schema.json is
 * generated from it) and its reading. Every mistake is told with its line. Pure.
 */
import { z } from 'zod';
import { DIVERGENCE_KINDS } from '../diff/types.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { readYaml } from '../lib/yaml-source.ts';
import { parseChunking } from '../replay/chunking.ts';
import { MODES } from '../replay/pace.ts';
import { parseRewrite } from '../replay/rewrite.ts';

export const GOLDEN_FORMAT = 'relaydiff-golden/1';

/** The relays, as they are named in sockets, options and files. */
export const GOLDEN_DOMAINS = ['market_data', 'signal', 'execution'] as const;
export type GoldenDomain = (typeof GOLDEN_DOMAINS)[number];

export const SPEED_MIN = 0.1;
export const SPEED_MAX = 1_000;

const count = z.int().nonnegative();
const positive = z.int().positive();
const text = z.string().min(1, 'it must not be empty');

const kind = z.enum(DIVERGENCE_KINDS);

const showsShape = z.strictObject({
  verdict: z.enum(['same', 'different', 'inconclusive']),
  counts: z
    .partialRecord(kind, positive)
    .describe('divergences of each kind; kinds without any are left out'),
  groups: z
    .array(
      z.strictObject({
        cause: text.nullable().describe('id of the cause; null: unexplained'),
        kind,
        count: positive,
      }),
    )
    .describe('sorted by cause, then by kind'),
});
/** What a comparison says, as far as a golden holds on to it. */
export type Shows = z.infer<typeof showsShape>;

const replayShape = z.strictObject({
  mode: z.enum(MODES),
  chunking: z
    .string()
    .refine((words) => parseChunking(words) !== undefined, {
      error: 'recorded, frame, coalesced, split:SEED (a number) or byte',
    })
    .describe('recorded, frame, coalesced, split:SEED or byte'),
  rewrite: z
    .string()
    .refine((words) => parseRewrite(words) !== undefined, {
      error: 'timestamps, sequence or dialect:NAME, or several of them with commas; or null',
    })
    .nullable()
    .describe('timestamps, sequence, dialect:NAME, with commas; null: nothing is rewritten'),
  speed: z.number().min(SPEED_MIN).max(SPEED_MAX),
  shows: showsShape
    .nullable()
    .optional()
    .describe(
      'what the new relay shows in this replay, where that is not what the capture shows; null: not defined, because it depends on what its reads happen to return',
    ),
});
/** One way in which a golden is played: `check` makes a case of each. */
export type GoldenReplay = z.infer<typeof replayShape>;

export const EXPECTED_SHAPE = z.strictObject({
  format: z.literal(GOLDEN_FORMAT),
  title: text,
  dialect: text.describe('of the recording'),
  domain: z.enum(GOLDEN_DOMAINS).describe('the relay that was recorded'),
  replays: z
    .array(replayShape)
    .min(1, 'at least one replay')
    .describe('what check plays, each a case'),
  promise: z
    .strictObject({
      clients: count.describe('connections'),
      clientBytes: count.describe('sent by all of them'),
      messages: count.describe('delivered by the old relay, to all clients together'),
      digest: z
        .string()
        .regex(/^[0-9a-f]{64}$/, '64 digits of lower-case hex')
        .describe('SHA-256 of what each client sent and of what the old relay delivered to it'),
    })
    .describe('what the clients sent and the old relay delivered: the golden'),
  shows: showsShape
    .nullable()
    .describe('old against new in the capture itself; null: it was recorded from one relay'),
});
export type Expected = z.infer<typeof EXPECTED_SHAPE>;

export const DEFAULT_REPLAY: GoldenReplay = {
  mode: 'causal',
  chunking: 'recorded',
  rewrite: null,
  speed: 1,
};

/** `file` is for messages. Throws GOLDEN_INVALID with all mistakes, each with its line. */
export function parseExpected(json: string, file: string): Expected {
  try {
    JSON.parse(json);
  } catch (error) {
    throw goldenInvalid([jsonMistake(json, file, error)]);
  }
  // JSON is YAML, and the reader of YAML knows where everything stands.
  const read = readYaml(file, json);
  if ('mistakes' in read) throw goldenInvalid(read.mistakes);
  const checked = EXPECTED_SHAPE.safeParse(read.source.data, { reportInput: true });
  if (!checked.success) throw goldenInvalid(read.source.mistakesOf(checked.error, EXPECTED_SHAPE));
  return checked.data;
}

export function expectedText(expected: Expected): string {
  return `${JSON.stringify(expected, null, 2)}\n`;
}

/** What `shows` of a replay says: its own, or that of the capture. null: nothing is said. */
export function showsOf(expected: Expected, replay: GoldenReplay): Shows | null {
  return replay.shows === undefined ? expected.shows : replay.shows;
}

/** `causal:recorded`, `timed:recorded@10`, `max:frame/timestamps`: how a case is called, and what `parseReplay` reads. */
export function replayName({ mode, chunking, speed, rewrite }: GoldenReplay): string {
  const factor = speed === 1 ? '' : `@${speed}`;
  return `${mode}:${chunking}${factor}${rewrite === null ? '' : `/${rewrite}`}`;
}

/** One mistake is the message; of several each has its line. */
export function goldenInvalid(mistakes: readonly string[]): OperatingError {
  const [first = 'it is no golden'] = mistakes;
  const message =
    mistakes.length <= 1
      ? first
      : [`there are ${mistakes.length} mistakes:`, ...mistakes.map((each) => `  ${each}`)].join(
          '\n',
        );
  return new OperatingError('GOLDEN_INVALID', message, {
    hint: 'docs/goldens.md describes the files of a golden; relaydiff golden verify checks them.',
  });
}

function jsonMistake(json: string, file: string, error: unknown): string {
  const what = error instanceof Error ? error.message : String(error);
  const position = / at position (\d+)/.exec(what)?.[1];
  const before = json.slice(0, position === undefined ? 0 : Number(position)).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return `${file}:${before.length}:${column}: not JSON: ${what}`;
}
