/** All verbs, and what they share: help, version, how mistakes in the usage are told. */
import { Command } from 'commander';
import { VERSION } from './version.ts';

const EXIT_CODES = `
Exit codes:
  0 same, or done      1 divergences found     2 wrong usage or unreadable input
  3 inconclusive       4 operating failure     70 a bug in relaydiff

Start with: relaydiff demo`;

/** In the order of the help. A verb is loaded when it is wanted: all of them take half a second. */
const VERBS: Readonly<Record<string, () => Promise<Command>>> = {
  record: async () => (await import('./record.ts')).recordCommand(),
  release: async () => (await import('./release.ts')).releaseCommand(),
  tap: async () => (await import('./tap.ts')).tapCommand(),
  replay: async () => (await import('./replay.ts')).replayCommand(),
  check: async () => (await import('./check.ts')).checkCommand(),
  diff: async () => (await import('./diff.ts')).diffCommand(),
  noise: async () => (await import('./noise.ts')).noiseCommand(),
  report: async () => (await import('./report.ts')).reportCommand(),
  review: async () => (await import('./review.ts')).reviewCommand(),
  info: async () => (await import('./info.ts')).infoCommand(),
  messages: async () => (await import('./messages.ts')).messagesCommand(),
  decode: async () => (await import('./decode.ts')).decodeCommand(),
  encode: async () => (await import('./encode.ts')).encodeCommand(),
  verify: async () => (await import('./verify.ts')).verifyCommand(),
  recover: async () => (await import('./recover.ts')).recoverCommand(),
  minimize: async () => (await import('./minimize.ts')).minimizeCommand(),
  redact: async () => (await import('./redact.ts')).redactCommand(),
  schema: async () => (await import('./schema.ts')).schemaCommand(),
  golden: async () => (await import('./golden.ts')).goldenCommand(),
  import: async () => (await import('./import.ts')).importCommand(),
  export: async () => (await import('./export.ts')).exportCommand(),
  simulate: async () => (await import('./simulate.ts')).simulateCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
};

/** With the one verb that the first argument names; with all of them when it names none. */
export async function createProgram(firstArgument: string | undefined): Promise<Command> {
  const program = new Command('relaydiff')
    .description(
      'Records what an old and a new Torq relay answer to the same clients, and says where they differ, in bytes and in meaning, and why.',
    )
    .version(VERSION)
    .addHelpText('after', EXIT_CODES);
  const wanted = Object.hasOwn(VERBS, firstArgument ?? '')
    ? [firstArgument ?? '']
    : Object.keys(VERBS);
  for (const verb of wanted) {
    const load = VERBS[verb];
    if (load !== undefined) program.addCommand(await load());
  }
  for (const command of allCommands(program)) {
    command.exitOverride().showHelpAfterError('(relaydiff --help lists the verbs and examples)');
  }
  return program;
}

function allCommands(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((child) => allCommands(child))];
}
