/**
 * The process of a reference relay. Prints `listening PATH` on stdout when clients can connect, and a log
 * on stderr unless --quiet; SIGTERM or SIGINT ends it with exit code 0.
 */
import { parseArgs } from 'node:util';
import { EXIT, OperatingError } from '../lib/operating-error.ts';
import { RELAY_DOMAINS, RELAY_KINDS } from './relay-core.ts';
import { startRelay } from './relay.ts';
import type { Relay, RelayOptions } from './relay.ts';
import { parseStamp, STAMP_FAULTS, Stamper, systemClock } from './stamps.ts';

const USAGE =
  'usage: relay-main --kind original|generic --domain market_data|signal|execution --socket PATH [--capacity N] [--stamp KIND@OFFSET]... [--stamp-seed N] [--stamp-fault FAULT] [--quiet] [--until-stdin-ends]';

interface Invocation {
  readonly relay: RelayOptions;
  /** Ends with the process that started it, however that process ends. */
  readonly untilStdinEnds: boolean;
}

class BadUsage extends Error {}

function parseInvocation(args: readonly string[]): Invocation {
  const { values } = parseArgs({
    args: [...args],
    options: {
      kind: { type: 'string' },
      domain: { type: 'string' },
      socket: { type: 'string' },
      capacity: { type: 'string' },
      stamp: { type: 'string', multiple: true, default: [] },
      'stamp-seed': { type: 'string', default: '1' },
      'stamp-fault': { type: 'string' },
      quiet: { type: 'boolean', default: false },
      'until-stdin-ends': { type: 'boolean', default: false },
    },
  });
  if (values.socket === undefined) throw new BadUsage('--socket is missing');
  const relay = {
    kind: oneOf('--kind', RELAY_KINDS, values.kind),
    domain: oneOf('--domain', RELAY_DOMAINS, values.domain),
    socketPath: values.socket,
    ...(values.capacity === undefined ? {} : { capacity: readCapacity(values.capacity) }),
    ...changeOf(values.stamp, values['stamp-seed'], values['stamp-fault']),
    ...(values.quiet ? {} : { log: logLine }),
  };
  return { relay, untilStdinEnds: values['until-stdin-ends'] };
}

function changeOf(
  texts: readonly string[],
  seed: string,
  faultText: string | undefined,
): Pick<RelayOptions, 'change'> {
  if (texts.length === 0) return {};
  const stamps = texts.map((text) => {
    const stamp = parseStamp(text);
    if (stamp === undefined) throw new BadUsage(`--stamp must be KIND@OFFSET, not ${text}`);
    return stamp;
  });
  if (!/^\d{1,9}$/.test(seed))
    throw new BadUsage(`--stamp-seed must be a whole number, not ${seed}`);
  const stamper = new Stamper({
    stamps,
    seed: Number(seed),
    now: systemClock(),
    ...(faultText === undefined ? {} : { fault: oneOf('--stamp-fault', STAMP_FAULTS, faultText) }),
  });
  return { change: (chunk) => stamper.stampChunk(chunk) };
}

function oneOf<T extends string>(
  option: string,
  choices: readonly T[],
  value: string | undefined,
): T {
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    throw new BadUsage(`${option} must be ${choices.join(' or ')}, not ${value ?? 'absent'}`);
  }
  return found;
}

/** Far above any real relay, and still an array that can be made. */
const CAPACITY_MAX = 2 ** 24;

function readCapacity(text: string): number {
  const capacity = /^\d+$/.test(text) ? Number(text) : 0;
  if (capacity < 1 || capacity > CAPACITY_MAX) {
    throw new BadUsage(`--capacity must be a whole number from 1 to ${CAPACITY_MAX}, not ${text}`);
  }
  return capacity;
}

function logLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

function stopWhenTold(relay: Relay, untilStdinEnds: boolean): void {
  const stop = (): void => {
    void relay.close().then(() => process.exit(EXIT.same));
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (untilStdinEnds) process.stdin.resume().once('close', stop);
}

function isUsageError(error: unknown): error is Error {
  if (error instanceof BadUsage) return true;
  return (
    error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE')
  );
}

async function main(): Promise<void> {
  try {
    const { relay: options, untilStdinEnds } = parseInvocation(process.argv.slice(2));
    const relay = await startRelay(options);
    stopWhenTold(relay, untilStdinEnds);
    process.stdout.write(`listening ${options.socketPath}\n`);
  } catch (error) {
    if (isUsageError(error)) {
      logLine(`${error.message.split('\n', 1)[0]} (${USAGE})`);
      process.exitCode = EXIT.usage;
    } else if (error instanceof OperatingError) {
      logLine(`${error.code}: ${error.message}`);
      process.exitCode = error.exitCode;
    } else {
      throw error;
    }
  }
}

await main();
