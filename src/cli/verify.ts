/** `relaydiff verify`: is a capture as it was written, and is anything missing from it. */
import { Command } from 'commander';
import { verifyPath } from '../capture/verify.ts';
import type { Finding, Verification } from '../capture/verification.ts';
import { EXIT } from '../lib/operating-error.ts';
import { quietOption } from './options.ts';
import { Progress, writeOut } from './output.ts';
import { formatBytes, formatCount, formatSeconds } from '../lib/format.ts';

interface VerifyOptions {
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXAMPLE = `
Examples:
  relaydiff verify md.capture
  relaydiff verify *.capture --json | jq -r 'select(.verdict != "whole") | .path'

Exit codes: 0 whole, 3 whole as far as it goes, but bytes are missing (gaps, not sealed), 2 damaged or unreadable.`;

export function verifyCommand(): Command {
  return new Command('verify')
    .description('check captures: damage, gaps, seal, and that every byte is accounted for')
    .argument('<file...>', 'captures')
    .option('--json', 'print JSON, one object a file and line', false)
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(verify);
}

const EXIT_OF = {
  whole: EXIT.same,
  incomplete: EXIT.inconclusive,
  damaged: EXIT.usage,
  unreadable: EXIT.usage,
} as const;
/** The worst of several files decides. */
const RANKED = ['whole', 'incomplete', 'damaged', 'unreadable'] as const;

async function verify(files: readonly string[], options: VerifyOptions): Promise<void> {
  const progress = new Progress(options);
  let worst = 0;
  for (const file of files) {
    const verifications = verifyPath(file, (step, done, total) =>
      progress.update(`${file}: ${step}`, done, total),
    );
    for (const verification of verifications) {
      progress.done();
      worst = Math.max(worst, RANKED.indexOf(verification.verdict));
      await writeOut(
        options.json ? `${JSON.stringify(verification)}\n` : render(verification, options.quiet),
      );
    }
  }
  process.exitCode = EXIT_OF[RANKED[worst] ?? 'unreadable'];
}

const VERDICTS: Readonly<Record<Verification['verdict'], string>> = {
  whole: 'whole',
  incomplete: 'whole as far as it goes, but bytes are missing',
  damaged: 'DAMAGED',
  unreadable: 'UNREADABLE',
};
/** More can be seen with --json. */
const FINDINGS_SHOWN = 20;

function render(verification: Verification, isQuiet: boolean): string {
  const { path, verdict, sealed, findings, findingCount } = verification;
  const lines = [`${path}: ${VERDICTS[verdict]}`];
  if (isQuiet) return `${lines.join('\n')}\n`;
  if (verdict !== 'unreadable') {
    lines.push(
      `  ${sealed ? 'sealed' : 'not sealed'}, ${formatSeconds(verification.reachesNs)}`,
      ...countLines(verification),
    );
  }
  lines.push(...findings.slice(0, FINDINGS_SHOWN).map(findingLine));
  const untold = findingCount - Math.min(findings.length, FINDINGS_SHOWN);
  if (untold > 0) lines.push(`  and ${formatCount(untold)} more; --json lists up to 1,000`);
  if (verdict === 'damaged')
    lines.push(`  Save what is still true: relaydiff recover ${path} --out recovered.capture`);
  return `${lines.join('\n')}\n`;
}

function countLines({ counts }: Verification): readonly string[] {
  const of = (count: number, what: string): string => `${formatCount(count)} ${what}`;
  return [
    `  ${of(counts.connections, 'connections')}, ${of(counts.streams, 'streams')}, ${of(counts.chunks, 'chunks')} of ${formatBytes(counts.streamBytes)}, stored in ${formatBytes(counts.blockBytes)}`,
    `  ${of(counts.events, 'events')}, ${of(counts.gaps, 'gaps')}, ${of(counts.accounts, 'accounts')} of streams that are over`,
  ];
}

function findingLine({ severity, message }: Finding): string {
  return `  ${severity}: ${message}`;
}
