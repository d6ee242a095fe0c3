/** The options with which a recording is watched, for every verb that records. */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { type HealthAddress, parseHealthAddress } from '../monitor/health-address.ts';
import type { MonitorOptions } from '../monitor/monitor.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { parseDurationMs } from './options.ts';

const STATUS_EVERY_MS_MIN = 100;

export interface MonitorCommandOptions {
  readonly health?: HealthAddress;
  readonly statusFile?: string;
  readonly statusEvery?: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

export function addMonitorOptions(command: Command): Command {
  return command
    .option(
      '--status-every <time>',
      'say how it goes at this interval: a line on stderr, with --json an object on stdout',
      parseStatusEvery,
    )
    .option('--status-file <file>', 'write how it goes as JSON, once a second')
    .option(
      '--health <address>',
      'serve /health /ready /metrics /status over HTTP at a port of this machine (9100), or at host:port',
      parseAddress,
    );
}

/** Throws USAGE. */
export function monitorOptions(
  options: MonitorCommandOptions & { readonly out: string },
): MonitorOptions {
  const { health, statusFile, statusEvery, json, quiet, out } = options;
  if (statusFile !== undefined && resolve(statusFile) === resolve(out)) {
    throw new OperatingError('USAGE', '--status-file and --out name the same file', {
      hint: 'Give the status a file of its own.',
    });
  }
  return { health, statusFile, statusEveryMs: statusEvery, json, quiet };
}

function parseStatusEvery(text: string): number {
  const everyMs = parseDurationMs(text);
  if (everyMs < STATUS_EVERY_MS_MIN)
    throw new InvalidArgumentError(`At least ${STATUS_EVERY_MS_MIN}ms.`);
  return everyMs;
}

function parseAddress(text: string): HealthAddress {
  const address = parseHealthAddress(text);
  if (address !== undefined) return address;
  throw new InvalidArgumentError(
    'Write a port of this machine (9100), or a host and a port (10.0.0.5:9100, [::1]:9100).',
  );
}
