/**
 * Records a scenario: two reference relays, a shim between them and the clients, and one step after the other. A step is over
 * when both relays have read it as one chunk and all who listen have what the old one passed on: how fast the machine is
 * does not matter.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { VERSION } from '../../src/cli/version.ts';
import { equalBytes } from '../../src/lib/bytes.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { MIRROR_ALL } from '../../src/shim/mirror-selection.ts';
import { DEFAULT_MIRROR_BUDGET_BYTES, DEFAULT_MIRROR_LIMITS } from '../../src/shim/mirror-queue.ts';
import { DEFAULT_SPOOL_LIMITS } from '../../src/shim/recorder.ts';
import { Shim } from '../../src/shim/shim.ts';
import { IDENTIFICATION_FRAME } from '../../src/simulate/clients/collector.ts';
import type { RelayKind } from '../../src/simulate/relay-core.ts';
import { type Relay, startRelay } from '../../src/simulate/relay.ts';
import type { GoldenScenario, StageStep } from './scenarios.ts';

/** What a relay counts is true at once; what it is about to send takes a moment. */
const SETTLE_MS = 1;
const QUIET_MS = 300;
/** Between who comes and what is said: whether somebody was there yet must be beyond doubt. */
const WELCOME_MS = 200;
const CLIENTS_MAX = 100;
const PATIENCE_MS = 30_000;

/** By the number of the connection. */
export type Labels = ReadonlyMap<number, string>;

export async function recordScenario(
  scenario: GoldenScenario,
  directory: string,
  out: string,
): Promise<Labels> {
  const old = await CountedRelay.start('original', scenario, directory);
  const fresh = await CountedRelay.start('generic', scenario, directory);
  const listen = join(directory, `${scenario.domain}.sock`);
  const { dialect } = scenario;
  const shim = await Shim.start({
    listen,
    takeOver: undefined,
    relays: { old: old.path, new: fresh.path },
    clientsMax: CLIENTS_MAX,
    lingerMs: 0,
    out,
    capture: {
      origin: 'record',
      writer: VERSION,
      dialect: dialect.name,
      layout: dialect.header,
      notes: {
        old: `${scenario.domain} relay, original (reference)`,
        new: `${scenario.domain} relay, generic (reference)`,
      },
      protocolSchemas: loadBuiltInProtocol().sources,
    },
    rotation: undefined,
    mirrorLimits: DEFAULT_MIRROR_LIMITS,
    mirrorBudgetBytes: DEFAULT_MIRROR_BUDGET_BYTES,
    mirrorSelection: MIRROR_ALL,
    onOverload: 'block',
    spoolLimits: DEFAULT_SPOOL_LIMITS,
    onTrouble: (message) => {
      throw new Error(message);
    },
  });
  const stage = new Stage(listen, old, fresh);
  try {
    for (const step of scenario.steps) await stage.take(step);
    await pause(WELCOME_MS);
    await shim.stop();
  } finally {
    stage.leave();
    await old.close();
    await fresh.close();
  }
  return stage.labels;
}

/** A relay that says how many clients it has accepted, whatever became of them. */
class CountedRelay {
  readonly path: string;
  readonly #relay: Relay;
  readonly #accepted: { count: number };

  private constructor(relay: Relay, accepted: { count: number }) {
    this.path = relay.socketPath;
    this.#relay = relay;
    this.#accepted = accepted;
  }

  static async start(
    kind: RelayKind,
    { domain, capacity }: GoldenScenario,
    directory: string,
  ): Promise<CountedRelay> {
    const accepted = { count: 0 };
    const relay = await startRelay({
      kind,
      domain,
      socketPath: join(directory, `${kind}-${domain}.sock`),
      ...(capacity === undefined ? {} : { capacity }),
      log: (line) => {
        if (line.endsWith(' established')) accepted.count += 1;
      },
    });
    return new CountedRelay(relay, accepted);
  }

  get accepted(): number {
    return this.#accepted.count;
  }

  get stats(): ReturnType<Relay['stats']> {
    return this.#relay.stats();
  }

  async close(): Promise<void> {
    await this.#relay.close();
  }
}

interface Player {
  readonly socket: Socket;
  isReading: boolean;
  receivedBytes: number;
  /** What the old relay has passed on since it came. */
  dueBytes: number;
}

class Stage {
  readonly labels = new Map<number, string>();
  readonly #listen: string;
  readonly #old: CountedRelay;
  readonly #new: CountedRelay;
  readonly #players = new Map<string, Player>();
  /** Somebody came, and nothing was said since; or only the first word. */
  #isNew = false;

  constructor(listen: string, old: CountedRelay, fresh: CountedRelay) {
    this.#listen = listen;
    this.#old = old;
    this.#new = fresh;
  }

  async take(step: StageStep): Promise<void> {
    const { client } = step;
    if (this.#isNew && step.kind !== 'open') await pause(WELCOME_MS);
    this.#isNew = step.kind === 'open' || (this.#isNew && isFirstWord(step));
    switch (step.kind) {
      case 'open':
        await this.#open(client, step.reads ?? true);
        break;
      case 'write':
        await this.#write(this.#player(client), step.bytes);
        break;
      case 'finish':
        this.#player(client).socket.end();
        await pause(QUIET_MS);
        break;
      case 'close':
        this.#player(client).socket.destroy();
        this.#players.delete(client);
        await pause(QUIET_MS);
        break;
      case 'read':
        await this.#read(this.#player(client));
        break;
    }
    await pause(SETTLE_MS);
  }

  leave(): void {
    for (const { socket } of this.#players.values()) socket.destroy();
  }

  async #open(client: string, reads: boolean): Promise<void> {
    const before = [this.#old.accepted, this.#new.accepted] as const;
    const socket = connect({ path: this.#listen, allowHalfOpen: true });
    const player: Player = { socket, isReading: reads, receivedBytes: 0, dueBytes: 0 };
    socket.on('error', () => undefined);
    if (reads) listenTo(player);
    await once(socket, 'connect');
    this.labels.set(this.labels.size + 1, client);
    this.#players.set(client, player);
    await until(() => this.#old.accepted > before[0] && this.#new.accepted > before[1]);
  }

  async #write(player: Player, bytes: Uint8Array): Promise<void> {
    const before = { old: this.#old.stats, new: this.#new.stats };
    player.socket.write(bytes);
    const read = (): readonly number[] => [
      this.#old.stats.chunksRead - before.old.chunksRead,
      this.#new.stats.chunksRead - before.new.chunksRead,
    ];
    await until(() => read().every((chunks) => chunks > 0));
    const isForwarded = this.#old.stats.chunksForwarded > before.old.chunksForwarded;
    for (const each of this.#players.values()) if (isForwarded) each.dueBytes += bytes.length;
    await until(() =>
      [...this.#players.values()].every(
        ({ isReading, receivedBytes, dueBytes }) => !isReading || receivedBytes >= dueBytes,
      ),
    );
    const { chunksForwarded, chunksWritten, lagged } = before.new;
    const due = this.#new.stats.chunksForwarded > chunksForwarded ? this.#players.size : 0;
    await until(() => {
      const now = this.#new.stats;
      return now.chunksWritten + now.lagged - chunksWritten - lagged >= due;
    });
    if (read().some((chunks) => chunks > 1)) throw new Error('a relay has read a write in pieces');
  }

  async #read(player: Player): Promise<void> {
    player.isReading = true;
    listenTo(player);
    for (let heard = -1; heard < player.receivedBytes; ) {
      heard = player.receivedBytes;
      await pause(QUIET_MS);
    }
    player.dueBytes = player.receivedBytes;
  }

  #player(client: string): Player {
    const player = this.#players.get(client);
    if (player === undefined) throw new Error(`${client} is not there`);
    return player;
  }
}

function isFirstWord(step: StageStep): boolean {
  return step.kind === 'write' && equalBytes(step.bytes, IDENTIFICATION_FRAME);
}

function listenTo(player: Player): void {
  player.socket.on('data', (bytes) => {
    player.receivedBytes += bytes.length;
  });
}

async function until(condition: () => boolean): Promise<void> {
  const startMs = performance.now();
  while (!condition()) {
    if (performance.now() - startMs > PATIENCE_MS) throw new Error('a step takes for ever');
    await turn();
  }
}
