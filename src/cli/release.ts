/** `relaydiff release`: gives a path back to its relay after a recorder that was killed. */
import { Command } from 'commander';
import { giveBack, lookAtNames, takeOverNames } from '../shim/take-over-names.ts';
import { asideOption, quietOption } from './options.ts';
import { talk } from './output.ts';

interface ReleaseOptions {
  readonly oldAside?: string;
  readonly quiet: boolean;
}

const EXAMPLE = `
Example: a recorder that had taken over the relay's path was killed, and clients are refused
  relaydiff release /tmp/torq/md.sock

A recorder that ends in any other way puts the path back itself. One that is running is left alone: stop it with
SIGINT or SIGTERM. Nothing is changed when there is nothing to give back, so this may be run at any time.`;

export function releaseCommand(): Command {
  return new Command('release')
    .description('give a path that a killed recorder had taken over back to its relay')
    .argument('<path>', 'the path that was given to record --take-over')
    .addOption(asideOption())
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(release);
}

async function release(path: string, options: ReleaseOptions): Promise<void> {
  const names = takeOverNames(path, options.oldAside);
  const done = giveBack(await lookAtNames(names));
  if (options.quiet) return;
  talk(done ?? `nothing to do: no recorder has left anything beside ${names.path}`);
}
