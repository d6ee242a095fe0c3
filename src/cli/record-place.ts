/** Where `record` stands: at a path of its own before the old relay, or at the path of the relay itself. */
import { Option } from 'commander';
import { OperatingError } from '../lib/operating-error.ts';
import type { ShimOptions } from '../shim/shim.ts';
import { takeOverNames } from '../shim/take-over-names.ts';
import { asideOption, parseCount, parseDurationMs } from './options.ts';

export interface PlaceOptions {
  readonly listen?: string;
  readonly old?: string;
  readonly takeOver?: string;
  readonly oldAside?: string;
  readonly new: string;
  readonly clientsMax?: number;
  readonly linger: number;
}

export function placeOptions(): readonly Option[] {
  return [
    new Option('--listen <path>', 'Unix socket that the clients connect to'),
    new Option('--old <path>', 'socket of the old relay; clients get its answers'),
    new Option(
      '--take-over <path>',
      'instead of --listen and --old: take the path of the running old relay, and give it back at the end',
    ),
    asideOption(),
    new Option(
      '--new <path>',
      'socket of the new relay; its answers are only recorded',
    ).makeOptionMandatory(),
    new Option(
      '--clients-max <n>',
      'turn away who comes when there are so many clients (default: what the limit of open files allows)',
    ).argParser(parseCount),
    new Option(
      '--linger <time>',
      'at the end: how long clients may stay until they leave by themselves; a second Ctrl-C ends it',
    )
      .argParser(parseDurationMs)
      .default(0, '0s'),
  ];
}

export type Place = Pick<ShimOptions, 'listen' | 'takeOver' | 'relays'>;

/** `--listen` with `--old`, or `--take-over`. Throws USAGE, or TAKE_OVER_FAILED when the names cannot be. */
export function placeOf(options: PlaceOptions): Place {
  const { listen, old, takeOver: path, oldAside, new: fresh } = options;
  if (path === undefined) {
    if (listen !== undefined && old !== undefined && oldAside === undefined) {
      return { listen, takeOver: undefined, relays: { old, new: fresh } };
    }
  } else if (listen === undefined && old === undefined) {
    const names = takeOverNames(path, oldAside);
    return { listen: names.path, takeOver: names, relays: { old: names.side, new: fresh } };
  }
  throw new OperatingError('USAGE', 'give either --listen and --old, or --take-over', {
    hint: '--take-over PATH takes the path that the old relay listens at; --old-aside goes with it.',
  });
}
