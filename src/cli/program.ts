/** All verbs, and what they share: help, version, how mistakes in the usage are told. */
import { Command } from 'commander';
import { decodeCommand } from './decode.ts';
import { demoCommand } from './demo.ts';
import { diffCommand } from './diff.ts';
import { encodeCommand } from './encode.ts';
import { exportCommand } from './export.ts';
import { importCommand } from './import.ts';
import { infoCommand } from './info.ts';
import { messagesCommand } from './messages.ts';
import { recordCommand } from './record.ts';
import { releaseCommand } from './release.ts';
import { recoverCommand } from './recover.ts';
import { reportCommand } from './report.ts';
import { schemaCommand } from './schema.ts';
import { simulateCommand } from './simulate.ts';
import { tapCommand } from './tap.ts';
import { verifyCommand } from './verify.ts';
import { VERSION } from './version.ts';

const EXIT_CODES = `
Exit codes:
  0 same, or done      1 divergences found     2 wrong usage or unreadable input
  3 inconclusive       4 operating failure     70 a bug in relaydiff

Start with: relaydiff demo`;

const VERBS = [
  recordCommand,
  releaseCommand,
  tapCommand,
  diffCommand,
  reportCommand,
  infoCommand,
  messagesCommand,
  decodeCommand,
  encodeCommand,
  verifyCommand,
  recoverCommand,
  schemaCommand,
  importCommand,
  exportCommand,
  simulateCommand,
  demoCommand,
];

export function createProgram(): Command {
  const program = new Command('relaydiff')
    .description(
      'Records what an old and a new Torq relay answer to the same clients, and says where they differ, in bytes and in meaning, and why.',
    )
    .version(VERSION)
    .addHelpText('after', EXIT_CODES);
  for (const verb of VERBS) program.addCommand(verb());
  for (const command of allCommands(program)) {
    command.exitOverride().showHelpAfterError('(relaydiff --help lists the verbs and examples)');
  }
  return program;
}

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((child) => allCommands(child))];
}
