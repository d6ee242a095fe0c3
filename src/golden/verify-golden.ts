/**
 * Is a golden what it says: is its capture whole and small, does it promise and show what expected.json says, do its rules
 * hold, does its page tell its facts. Whatever the files hold, the answer is a list of problems.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { openCapture } from '../capture/open.ts';
import type { CaptureReader } from '../capture/types.ts';
import { verifyCapture } from '../capture/verify.ts';
import { formatBytes, formatCount } from '../lib/format.ts';
import { OperatingError } from '../lib/operating-error.ts';
import type { Protocol } from '../protocol/load.ts';
import { aboutProblems } from './about.ts';
import { type CompareContext, rulesOf } from './compare.ts';
import type { Expected, GoldenReplay } from './expected.ts';
import { replayName } from './expected.ts';
import {
  ABOUT_FILE,
  CAPTURE_BYTES_MAX,
  CAPTURE_FILE,
  GOLDEN_FILES,
  goldenName,
  isFile,
  readExpected,
  readText,
  RULES_FILE,
} from './golden-files.ts';
import { measure } from './measure.ts';
import { showsDifferences } from './shows.ts';

export const GOLDEN_VERIFICATION_SHAPE = z.object({
  format: z.literal('relaydiff-golden-verify/1'),
  name: z.string(),
  path: z.string(),
  verdict: z.enum(['good', 'bad']),
  problems: z.array(
    z.object({
      file: z.enum(['capture.db', 'expected.json', 'rules.yaml', 'about.md']),
      message: z.string(),
    }),
  ),
});
export type GoldenVerification = z.infer<typeof GOLDEN_VERIFICATION_SHAPE>;
type Problem = GoldenVerification['problems'][number];

export interface VerifyContext {
  readonly protocolOf: (capture: CaptureReader) => Protocol;
  readonly today: string;
}

export function verifyGolden(directory: string, context: VerifyContext): GoldenVerification {
  const problems = problemsOf(directory, context);
  return {
    format: 'relaydiff-golden-verify/1',
    name: goldenName(directory),
    path: directory,
    verdict: problems.length === 0 ? 'good' : 'bad',
    problems: [...problems],
  };
}

function problemsOf(directory: string, context: VerifyContext): readonly Problem[] {
  const missing = GOLDEN_FILES.filter((file) => !isFile(join(directory, file)));
  if (missing.length > 0) return missing.map((file) => ({ file, message: 'it is missing' }));
  const problems: Problem[] = [...captureProblems(join(directory, CAPTURE_FILE))];
  const expected = attempt(problems, 'expected.json', () => readExpected(directory));
  const rules = attempt(problems, 'rules.yaml', () => readText(join(directory, RULES_FILE)));
  const about = attempt(problems, 'about.md', () => readText(join(directory, ABOUT_FILE)));
  if (problems.length > 0 || expected === undefined || rules === undefined || about === undefined) {
    return problems;
  }
  const capture = openCapture(join(directory, CAPTURE_FILE));
  try {
    const protocol = context.protocolOf(capture);
    const compare = { protocol, rules: [[RULES_FILE, rules] as const], today: context.today };
    problems.push(...replayProblems(expected, protocol));
    if (!attempt(problems, 'rules.yaml', () => checkRules(capture, compare, problems))) {
      return problems;
    }
    const found = attempt(problems, 'capture.db', () => measure(capture, expected, compare));
    if (found === undefined) return problems;
    problems.push(...expectedProblems(expected, found));
    problems.push(
      ...aboutProblems(about, expected, capture).map(
        (message): Problem => ({ file: ABOUT_FILE, message }),
      ),
    );
  } finally {
    capture.close();
  }
  return problems;
}

/** What goes wrong with a file is a problem of that file. */
function attempt<T>(problems: Problem[], file: Problem['file'], work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    problems.push({ file, message: error.message });
    return undefined;
  }
}

function captureProblems(path: string): readonly Problem[] {
  const verification = verifyCapture(path);
  const { size } = statSync(path);
  const [first] = verification.findings;
  return [
    ...(verification.verdict === 'whole'
      ? []
      : [
          {
            file: CAPTURE_FILE,
            message: `it is ${verification.verdict}: ${first?.message ?? 'relaydiff verify says why'}`,
          } as const,
        ]),
    ...(size <= CAPTURE_BYTES_MAX
      ? []
      : [
          {
            file: CAPTURE_FILE,
            message: `it takes ${formatBytes(size)}; a golden takes ${formatBytes(CAPTURE_BYTES_MAX)} at most`,
          } as const,
        ]),
  ];
}

/** The dialects of rewrites are names that only the protocol knows. */
function replayProblems({ replays }: Expected, protocol: Protocol): readonly Problem[] {
  const problems: Problem[] = [];
  const names = replays.map(replayName);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) < index) {
      problems.push({ file: 'expected.json', message: `the replay ${name} is there twice` });
    }
  }
  for (const replay of replays) {
    const dialect = rewrittenDialect(replay);
    if (dialect === undefined) continue;
    attempt(problems, 'expected.json', () => protocol.dialect(dialect));
  }
  return problems;
}

function rewrittenDialect({ rewrite }: GoldenReplay): string | undefined {
  return /(?:^|,)dialect:([^,]+)/.exec(rewrite ?? '')?.[1];
}

/** true: they can be used. */
function checkRules(capture: CaptureReader, compare: CompareContext, problems: Problem[]): true {
  const dialect = compare.protocol.dialect(capture.info.dialect);
  for (const { id, line, isExpired, expires } of rulesOf({ old: dialect, new: dialect }, compare)
    .rules) {
    if (!isExpired) continue;
    const message = `line ${line}: the rule ${id} expired on ${expires} and takes nothing any more`;
    problems.push({ file: 'rules.yaml', message });
  }
  return true;
}

function expectedProblems(expected: Expected, found: Expected): readonly Problem[] {
  const messages: string[] = [];
  if (expected.dialect !== found.dialect) {
    messages.push(`dialect: the capture was recorded with ${found.dialect}`);
  }
  for (const key of ['clients', 'clientBytes', 'messages'] as const) {
    const [was, is] = [expected.promise[key], found.promise[key]];
    if (was !== is) {
      messages.push(`promise.${key}: the capture has ${formatCount(is)}, not ${formatCount(was)}`);
    }
  }
  if (expected.promise.digest !== found.promise.digest) {
    messages.push('promise.digest: the capture promises something else');
  }
  if (expected.shows === null || found.shows === null) {
    if (expected.shows !== found.shows) {
      const has = found.shows === null ? 'no new side' : 'a new side';
      messages.push(`shows: the capture has ${has}`);
    }
  } else {
    messages.push(...showsDifferences(expected.shows, found.shows).map((line) => `shows: ${line}`));
  }
  return messages.map((message) => ({ file: 'expected.json', message }));
}
