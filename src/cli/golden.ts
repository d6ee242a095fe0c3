/** `relaydiff golden`: make, list, verify and update goldens, the promises that `check` holds relays to. */
import { Command } from 'commander';
import { goldenCreateCommand } from './golden-create.ts';
import { goldenListCommand, goldenVerifyCommand } from './golden-look.ts';
import { goldenUpdateCommand } from './golden-update.ts';

const EXAMPLE = `
Examples:
  relaydiff golden create split-writes --from md.capture --trim 10s..12s
  relaydiff golden list
  relaydiff golden verify
  relaydiff check captures --relay "./relay --socket {socket}"`;

export function goldenCommand(): Command {
  return new Command('golden')
    .description('make, list, verify and update goldens: captures that relays are held to')
    .addCommand(goldenCreateCommand())
    .addCommand(goldenUpdateCommand())
    .addCommand(goldenListCommand())
    .addCommand(goldenVerifyCommand())
    .addHelpText('after', EXAMPLE);
}
