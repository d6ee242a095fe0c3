#!/usr/bin/env node
/** The entry of the command line: runs the program and turns what went wrong into one line and an exit code. */
import { CommanderError } from 'commander';
import { EXIT, OperatingError, systemErrorCode } from '../lib/operating-error.ts';
import { createProgram } from './program.ts';

// Whoever read our talk may be gone; that must never end a recorder that carries traffic.
process.stderr.on('error', () => undefined);

process.stdout.on('error', (error) => {
  // The reader of a pipe (head, less) may go away; there is nobody left to tell.
  if (systemErrorCode(error) === 'EPIPE') process.exit(process.exitCode ?? EXIT.same);
  throw error;
});

try {
  const program = await createProgram(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.same : EXIT.usage;
  if (error instanceof OperatingError) {
    process.stderr.write(`relaydiff: ${error.message} [${error.code}]\n`);
    if (error.hint !== undefined) process.stderr.write(`  ${error.hint}\n`);
    return error.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.stderr.write(
    `relaydiff: a bug in relaydiff; please report it with these lines.\n${text}\n`,
  );
  return EXIT.bug;
}
