/** The ways from the client to a relay, each with relays of its own and all of them real processes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { assertNever } from '../src/lib/assert.ts';
import {
  hasSocat,
  type Running,
  type ShimPlaces,
  startPassThrough,
  startRelay,
  startShim,
  startSocat,
} from './shim-processes.ts';

/**
 * - `pass-through`: the shim without recording and mirroring.
 * - `mirror only`: without recording; what the shim costs more is the recorder's.
 * - `mirror stopped`: the shim, its new relay stopped by SIGSTOP.
 */
export type ContenderName =
  | 'direct'
  | 'socat'
  | 'pass-through'
  | 'mirror only'
  | 'shim'
  | 'mirror stopped';

export interface Contender {
  readonly name: ContenderName;
  /** Where the client connects. */
  readonly path: string;
  /** What stands between client and relay. */
  readonly between: Running | undefined;
  /** Everything that works for it. */
  readonly pids: readonly number[];
  /** Ends all of it; resolves with what stood between has printed. */
  readonly stop: () => Promise<string>;
}

/** Without socat there is one less. */
export async function startContenders(directory: string): Promise<readonly Contender[]> {
  const places = (name: string): ShimPlaces => placesIn(join(directory, name));
  return Promise.all([
    startDirect(places('direct')),
    ...(hasSocat() ? [startThroughSocat(places('socat'))] : []),
    startThrough('pass-through', places('pass')),
    startThrough('mirror only', places('mirror')),
    startThrough('shim', places('shim')),
    startThrough('mirror stopped', places('stopped')),
  ]);
}

function placesIn(directory: string): ShimPlaces {
  mkdirSync(directory);
  const at = (name: string): string => join(directory, name);
  return { listen: at('listen'), old: at('old'), mirror: at('new'), out: at('a.capture') };
}

async function startDirect({ old }: ShimPlaces): Promise<Contender> {
  const relay = await startRelay(old);
  return { name: 'direct', path: old, between: undefined, pids: [relay.pid], stop: relay.stop };
}

async function startThroughSocat({ listen, old }: ShimPlaces): Promise<Contender> {
  const relay = await startRelay(old);
  return contender('socat', await startSocat(listen, old), [relay]);
}

async function startThrough(
  name: Exclude<ContenderName, 'direct' | 'socat'>,
  places: ShimPlaces,
): Promise<Contender> {
  const relays = await Promise.all([startRelay(places.old), startRelay(places.mirror)]);
  const between = await startBetween(name, places);
  // The system goes on accepting connections for it, and takes bytes until its buffers are full.
  if (name === 'mirror stopped') process.kill(relays[1].pid, 'SIGSTOP');
  return contender(name, between, relays);
}

async function startBetween(
  name: Exclude<ContenderName, 'direct' | 'socat'>,
  places: ShimPlaces,
): Promise<Running> {
  switch (name) {
    case 'pass-through':
      return startPassThrough(places, 'forward');
    case 'mirror only':
      return startPassThrough(places, 'mirror');
    case 'shim':
    case 'mirror stopped':
      return startShim(places);
    default:
      return assertNever(name, 'contender');
  }
}

/** The shim alone, for loads that only it is put under. */
export async function startShimIn(directory: string): Promise<Contender> {
  return startThrough('shim', placesIn(directory));
}

function contender(name: ContenderName, between: Running, relays: readonly Running[]): Contender {
  return {
    name,
    path: between.path,
    between,
    pids: [between, ...relays].map(({ pid }) => pid),
    stop: async () => {
      const printed = await between.stop();
      await Promise.all(relays.map(async (relay) => relay.stop()));
      return printed;
    },
  };
}
