/** `relaydiff review`: walk the groups of a result, and write what is accepted into a rules file. */
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError } from 'commander';
import { rulesIn, ruleOfGroup, withGroupRule, withoutRule } from '../diff/rules/edit-rules.ts';
import type { WrittenRule } from '../diff/rules/read-rules.ts';
import type { DiffResult } from '../diff/types.ts';
import { EXIT } from '../lib/operating-error.ts';
import {
  type Effect,
  parseExpiry,
  ReviewSession,
  type ReviewSummary,
} from '../report/review-session.ts';
import { renderReview } from '../report/review-text.ts';
import { parseResult } from '../report/result-json.ts';
import { readResultFile } from './result-file.ts';
import { replaceFile, talk, writeOut } from './output.ts';
import { readRulesFiles, today } from './rules-files.ts';

interface ReviewCommandOptions {
  readonly rules: string;
  readonly owner?: string;
  readonly expires: string;
  readonly json: boolean;
}

const DEFAULT_EXPIRY = '90d';
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const EXAMPLE = `
Example:
  relaydiff diff md.capture --rules rules.yaml --result result.json
  relaydiff review result.json --rules rules.yaml
  relaydiff diff md.capture --rules rules.yaml

Answers are read line by line, so they can come from a file. Every decision is in the rules file as soon as it is made:
Ctrl-C loses nothing.

Exit codes: 0 every group is accepted, 1 some are rejected or open.`;

export function reviewCommand(): Command {
  return new Command('review')
    .description('walk the groups of a result, and accept or reject each')
    .argument('<file>', 'result, as written by relaydiff diff --result or --json')
    .option(
      '--rules <file>',
      'where accepted groups are written; made if it is not there',
      'rules.yaml',
    )
    .option('--owner <name>', 'who owns what is accepted, if no other is named (default: you)')
    .option(
      '--expires <when>',
      'until when it is accepted, if no other day is named: a date, or days from today',
      parseExpiryOption,
      parseExpiryOption(DEFAULT_EXPIRY),
    )
    .option('--json', 'print the summary as JSON', false)
    .addHelpText('after', EXAMPLE)
    .action(review);
}

function parseExpiryOption(text: string): string {
  const expires = parseExpiry(text, today());
  if (expires === undefined)
    throw new InvalidArgumentError('Write a day from today on, 2026-12-31, or days: 90d.');
  return expires;
}

async function review(file: string, options: ReviewCommandOptions): Promise<void> {
  const result = parseResult(readResultFile(file), file);
  const session = makeSession(result, options);
  talk(`${result.verdict}: ${result.reason}`);
  await converse(session, (effect) => carryOut(effect, options.rules));
  const summary = session.summary();
  const text = options.json
    ? `${JSON.stringify(summaryJson(summary, options.rules))}\n`
    : renderReview(summary, options.rules);
  await writeOut(text);
  const isAccepted = summary.rejected.length + summary.open.length === 0;
  process.exitCode = isAccepted ? EXIT.same : EXIT.different;
}

function makeSession(result: DiffResult, options: ReviewCommandOptions): ReviewSession {
  const rules = rulesIn(options.rules, readRulesText(options.rules));
  const day = today();
  const holds = ({ shape: { expires } }: WrittenRule): boolean =>
    expires === undefined || expires >= day;
  return new ReviewSession(result, {
    today: day,
    owner: options.owner ?? userName(),
    expires: options.expires,
    ids: rules.map(({ shape }) => shape.id),
    idOf: (group) => ruleOfGroup(rules, group)?.shape.id,
    isAccepted: (group) => {
      const rule = ruleOfGroup(rules, group);
      return rule !== undefined && holds(rule);
    },
  });
}

/** Some accounts have no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return '';
  }
}

function readRulesText(file: string): string {
  if (!existsSync(file)) return '';
  return readRulesFiles([file])[0]?.[1] ?? '';
}

/** On the file as it is now: what somebody wrote into it meanwhile stays. */
function carryOut(effect: Effect, file: string): void {
  let text = readRulesText(file);
  rulesIn(file, text);
  if (effect.kind === 'remove') text = withoutRule(text, effect.rule.id);
  else for (const rule of effect.rules) text = withGroupRule(text, rule);
  replaceFile(file, text);
}

/** Until the session is done, the answers end, or somebody ends the program. */
async function converse(session: ReviewSession, perform: (effect: Effect) => void): Promise<void> {
  const lines = createInterface({ input: process.stdin, terminal: false });
  const end = (): void => lines.close();
  for (const signal of ENDINGS) process.once(signal, end);
  const ask = (): void => {
    const { show, prompt } = session.ask();
    for (const text of show) talk(text);
    process.stderr.write(prompt);
  };
  try {
    if (!session.isDone) ask();
    else return;
    for await (const line of lines) {
      // What comes from a file is not on the screen yet.
      if (!process.stdin.isTTY) talk(line);
      const { say, effect } = session.answer(line);
      if (effect !== undefined) perform(effect);
      for (const text of say) talk(text);
      if (session.isDone) break;
      ask();
    }
  } finally {
    lines.close();
    // A terminal that was asked has its cursor behind the question.
    if (!session.isDone) talk('');
    for (const signal of ENDINGS) process.off(signal, end);
  }
}

function summaryJson(summary: ReviewSummary, file: string): unknown {
  const groupOf = ({ id, title, kind, count, cause }: DiffResult['groups'][number]): object => ({
    group: id,
    title,
    kind,
    cause,
    count,
  });
  return {
    format: 'relaydiff-review/1',
    rules: file,
    accepted: summary.accepted.map(({ group, rule: { id, reason, owner, expires } }) => ({
      ...groupOf(group),
      rule: id,
      reason,
      owner,
      expires,
    })),
    rejected: summary.rejected.map(groupOf),
    open: summary.open.map(groupOf),
    acceptedBefore: summary.acceptedBefore.map(groupOf),
  };
}
