/** `relaydiff simulate`: the reference relays and client models, to try things out and to test without production. */
import { randomInt } from 'node:crypto';
import { Command, Option } from 'commander';
import {
  RELAY_DOMAINS,
  RELAY_KINDS,
  type RelayDomainName,
  type RelayKind,
} from '../simulate/relay-core.ts';
import { startRelay } from '../simulate/relay.ts';
import { agreeingScenario, demoScenario, playScenario } from '../simulate/scenario.ts';
import { parseCount, parseDurationMs } from './options.ts';
import { talk } from './output.ts';

interface RelayCommandOptions {
  readonly kind: RelayKind;
  readonly domain: RelayDomainName;
  readonly socket: string;
}

interface ClientsCommandOptions {
  readonly socket: string;
  readonly scenario: 'demo' | 'agreeing';
  readonly duration: number;
  readonly messages: number;
  readonly seed: number;
}

const EXAMPLE = `
Example, in four terminals:
  relaydiff simulate relay --kind original --socket /tmp/old.sock
  relaydiff simulate relay --kind generic  --socket /tmp/new.sock
  relaydiff record --listen /tmp/md.sock --old /tmp/old.sock --new /tmp/new.sock --out md.capture
  relaydiff simulate clients --socket /tmp/md.sock --scenario demo --duration 10s`;

const SEED_LIMIT = 2 ** 31;

export function simulateCommand(): Command {
  return new Command('simulate')
    .description('run a reference relay, or clients that behave like the real ones')
    .addCommand(relayCommand())
    .addCommand(clientsCommand())
    .addHelpText('after', EXAMPLE);
}

function relayCommand(): Command {
  return new Command('relay')
    .description('a relay that does what the recorded real ones did; runs until it is stopped')
    .addOption(
      new Option('--kind <kind>', 'which implementation')
        .choices(RELAY_KINDS)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--domain <domain>', 'which relay').choices(RELAY_DOMAINS).default('market_data'),
    )
    .requiredOption('--socket <path>', 'Unix socket to listen at')
    .action(async (options: RelayCommandOptions) => {
      const relay = await startRelay({ ...options, socketPath: options.socket });
      talk(`${options.kind} ${options.domain} relay listens at ${options.socket}`);
      await stopSignal();
      await relay.close();
    });
}

function clientsCommand(): Command {
  return new Command('clients')
    .description('publishers and consumers that connect to a relay or a shim')
    .requiredOption('--socket <path>', 'Unix socket to connect to')
    .addOption(
      new Option(
        '--scenario <name>',
        'demo: coalesced, split and wrong-domain writes among good ones',
      )
        .choices(['demo', 'agreeing'])
        .default('demo'),
    )
    .option('--duration <time>', 'how long the demo scenario publishes', parseDurationMs, 10_000)
    .option(
      '--messages <n>',
      'how many messages the agreeing scenario publishes',
      parseCount,
      10_000,
    )
    .option(
      '--seed <n>',
      'same seed, same bytes (but for the header times)',
      parseCount,
      randomInt(SEED_LIMIT),
    )
    .action(async (options: ClientsCommandOptions) => {
      talk(`scenario ${options.scenario}, seed ${options.seed}`);
      const clients =
        options.scenario === 'demo'
          ? demoScenario({ seed: options.seed, durationMs: options.duration })
          : agreeingScenario({ seed: options.seed, messages: options.messages });
      const results = await playScenario({ socketPath: options.socket, clients });
      for (const [label, { sentBytes, receivedBytes }] of results) {
        talk(`${label}: sent ${sentBytes} bytes, received ${receivedBytes}`);
      }
    });
}

async function stopSignal(): Promise<void> {
  await new Promise<void>((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}
