/**
 * Recordings that something happens to, by seed: the recorder is killed, its disk is full for a while, clients and relays
 * stall, vanish and end at random. Whatever happens, traffic goes on, the capture opens and verifies, and every byte is
 * either in it or in a gap; a kill costs at most what was read within the last moments. Compared with what relays and
 * clients remember. Seeds choose what happens; how threads and processes take turns is the machine's.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.ts';
import type { CaptureReader } from '../../src/capture/types.ts';
import { createRandom, type Random } from '../../src/lib/random.ts';
import { CLI } from '../support/built-cli.ts';
import { concat } from '../support/frames.ts';
import { Hub, type HubConnection } from './hub.ts';
import { gapsOf, judgeAccount, judgePrefix, recordedBytes } from './judge-capture.ts';
import { type RecorderPaths, RecorderProcess } from './recorder-process.ts';
import { SmallDisk } from './small-disk.ts';
import { Client } from './traffic.ts';
import { pause, until } from './wait.ts';

export const FAULTS = ['kill', 'cruel', 'full-disk'] as const;
export type Fault = (typeof FAULTS)[number];

export interface FaultOutcome {
  /** What went wrong, in words; empty is what we want. */
  readonly failures: string[];
  sentBytes: number;
  /** What a kill cost. */
  kill?: Kill;
  /** Bytes that are in gaps of the recording. */
  gapBytes: number;
  /** Why this fault could not be tried here. */
  skipped?: string;
}

export interface Kill {
  /** Age of the oldest client byte that it cost, ms; 0 when it cost none. */
  readonly lostMs: number;
  /** After the first byte of the traffic. */
  readonly afterMs: number;
}

export interface FaultOptions {
  readonly fault: Fault;
  readonly seed: number;
  /** For sockets and captures; need not exist. */
  readonly directory: string;
}

const CLIENTS = 3;
const KILL_AFTER_MS_MAX = 1_500;
/** More than the spool of a run with a full disk holds. */
const SPOOL = '1m';
const BEYOND_SPOOL_BYTES = 3_000_000;
/** Whole, or whole as far as it goes. */
const VERIFIED: ReadonlySet<number | null> = new Set([0, 3]);

export async function runFault(options: FaultOptions): Promise<FaultOutcome> {
  const outcome: FaultOutcome = { failures: [], sentBytes: 0, gapBytes: 0 };
  mkdirSync(options.directory, { recursive: true });
  const disk =
    options.fault === 'full-disk' ? SmallDisk.mount(join(options.directory, 'disk')) : undefined;
  if (options.fault === 'full-disk' && disk === undefined) {
    outcome.skipped = 'a small file system cannot be mounted here';
    return outcome;
  }
  const run = await FaultRun.start(options, outcome, disk);
  try {
    await run.play();
  } catch (error) {
    outcome.failures.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  } finally {
    await run.close();
    disk?.unmount();
  }
  return outcome;
}

class FaultRun {
  readonly #fault: Fault;
  readonly #random: Random;
  readonly #paths: RecorderPaths;
  readonly #outcome: FaultOutcome;
  readonly #disk: SmallDisk | undefined;
  readonly #hubs: Readonly<Record<'old' | 'new', Hub>>;
  readonly #recorder: RecorderProcess;
  readonly #clients: Client[] = [];
  #isTalking = true;

  private constructor(
    { fault, seed }: FaultOptions,
    parts: {
      readonly outcome: FaultOutcome;
      readonly paths: RecorderPaths;
      readonly disk: SmallDisk | undefined;
      readonly hubs: Readonly<Record<'old' | 'new', Hub>>;
      readonly recorder: RecorderProcess;
    },
  ) {
    this.#fault = fault;
    this.#random = createRandom(seed);
    this.#outcome = parts.outcome;
    this.#paths = parts.paths;
    this.#disk = parts.disk;
    this.#hubs = parts.hubs;
    this.#recorder = parts.recorder;
  }

  static async start(
    options: FaultOptions,
    outcome: FaultOutcome,
    disk: SmallDisk | undefined,
  ): Promise<FaultRun> {
    const at = (name: string): string => join(options.directory, name);
    const out = join(disk?.path ?? options.directory, 'a.capture');
    const paths = { listen: at('l'), old: at('o'), new: at('n'), out };
    const hubs = { old: await Hub.listen(paths.old), new: await Hub.listen(paths.new) };
    const recorder = await RecorderProcess.start(
      paths,
      disk === undefined ? [] : ['--spool', SPOOL],
    );
    const run = new FaultRun(options, { outcome, paths, disk, hubs, recorder });
    await run.#connectClients();
    return run;
  }

  async play(): Promise<void> {
    const talk = this.#clients.map((client) => this.#talk(client));
    switch (this.#fault) {
      case 'kill':
        await this.#killSomewhen();
        break;
      case 'cruel':
        await pause(this.#random.integer(200, 1_200));
        await this.#stopInOrder(talk);
        break;
      case 'full-disk':
        await this.#fillDisk();
        await this.#stopInOrder(talk);
        break;
    }
    this.#isTalking = false;
    for (const client of this.#clients) client.socket.destroy();
    await Promise.all(talk);
    this.#outcome.sentBytes = this.#clients.reduce((sum, each) => sum + each.sentBytes.length, 0);
  }

  async close(): Promise<void> {
    this.#isTalking = false;
    await this.#recorder.end('SIGKILL');
    for (const client of this.#clients) client.socket.destroy();
    await Promise.all([this.#hubs.old.close(), this.#hubs.new.close()]);
  }

  /** One after the other, so that it is known which is which; the recorder knocked at both relays before. */
  async #connectClients(): Promise<void> {
    const hubs = [this.#hubs.old, this.#hubs.new];
    for (let index = 0; index < CLIENTS; index++) {
      this.#clients.push(await Client.connect(this.#paths.listen, index + 1, this.#random));
      const reached = (): boolean => hubs.every((hub) => hub.connections.length === index + 2);
      await until(`client ${index + 1} reaches both relays`, reached);
    }
  }

  async #talk(client: Client): Promise<void> {
    const isCruel = this.#fault === 'cruel';
    while (this.#isTalking && !client.isSilent) {
      await client.act({ isCruel });
      if (isCruel && this.#random.integer(0, 60) === 0) this.#hurtRelay();
      await pause(this.#random.integer(0, 4));
    }
  }

  #hurtRelay(): void {
    // The old relay's cruelty ends a client's traffic, so it is the rarer one.
    this.#hubs[this.#random.integer(0, 3) === 0 ? 'old' : 'new'].hurt(this.#random);
  }

  async #killSomewhen(): Promise<void> {
    await until('the old relay gets something', () => this.#hubs.old.gotBytes > 0);
    const begunMs = performance.now();
    await pause(this.#random.integer(0, KILL_AFTER_MS_MAX));
    const killedMs = performance.now();
    await this.#recorder.end('SIGKILL');
    this.#compare((capture) => {
      let lostMs = 0;
      for (const [index, client] of this.#clients.entries()) {
        const connection = index + 1;
        const [old, fresh] = [this.#at('old', index), this.#at('new', index)];
        this.#fail(judgePrefix(capture, { connection, kind: 'client' }, client.sentBytes));
        this.#fail(judgePrefix(capture, { connection, kind: 'old' }, concat(old.gave)));
        this.#fail(judgePrefix(capture, { connection, kind: 'new' }, concat(fresh.gave)));
        const recorded = recordedBytes(capture, { connection, kind: 'client' });
        const lost = old.gotAt.find(([, total]) => total > recorded);
        if (lost !== undefined) lostMs = Math.max(lostMs, killedMs - lost[0]);
      }
      this.#outcome.kill = { lostMs, afterMs: killedMs - begunMs };
      if (capture.gaps().length > 0) this.#fail(['there is a gap']);
    });
  }

  async #fillDisk(): Promise<void> {
    this.#disk?.fill();
    await this.#recorder.says('recording is in trouble');
    // More than the spool holds passes meanwhile, and none of it is held up.
    const before = this.#hubs.old.gotBytes;
    const isBeyond = (): boolean => this.#hubs.old.gotBytes > before + BEYOND_SPOOL_BYTES;
    await until('traffic goes on while the disk is full', isBeyond);
    this.#disk?.makeRoom();
    await this.#recorder.says('recording goes on');
    await pause(100);
  }

  async #stopInOrder(talk: readonly Promise<void>[]): Promise<void> {
    this.#isTalking = false;
    await Promise.all(talk);
    const exitCode = await this.#recorder.end('SIGINT');
    if (exitCode !== 0 && exitCode !== 3) {
      this.#fail([`exit code ${exitCode}: ${this.#recorder.said}`]);
      return;
    }
    const hubs = [this.#hubs.old, this.#hubs.new];
    await until('the relays read the end of all connections', () =>
      hubs.every((hub) => hub.isLeft),
    );
    this.#compare((capture) => {
      if (!capture.info.sealed) this.#fail(['it is not sealed']);
      for (const [index, client] of this.#clients.entries())
        this.#judgeClient(capture, index, client);
    });
  }

  #judgeClient(capture: CaptureReader, index: number, client: Client): void {
    const connection = index + 1;
    const old = this.#at('old', index);
    const mayEndEarly = client.socket.destroyed || old.socket.destroyed;
    const sent = { connection, kind: 'client' } as const;
    const delivered = { connection, kind: 'old' } as const;
    const all = client.sentBytes;
    this.#fail(judgeAccount(capture, sent, { all, mayEndEarly }));
    this.#fail(judgeAccount(capture, delivered, { all: concat(old.gave), mayEndEarly }));
    for (const gap of [sent, delivered].flatMap((stream) => gapsOf(capture, stream, 'recording'))) {
      this.#outcome.gapBytes += gap.bytes;
    }
    if (this.#fault === 'cruel') return;
    // Where nobody hurt it, the new relay got all but what the capture says it did not get.
    const unmirrored = gapsOf(capture, sent, 'mirror').reduce((sum, gap) => sum + gap.bytes, 0);
    const got = this.#at('new', index).gotBytes;
    if (got + unmirrored !== all.length) {
      this.#fail([`client ${connection}: ${all.length} sent, new got ${got}, gaps ${unmirrored}`]);
    }
  }

  #compare(look: (capture: CaptureReader) => void): void {
    const { out } = this.#paths;
    const capture = openCapture(out);
    try {
      look(capture);
    } finally {
      capture.close();
    }
    const verify = spawnSync(process.execPath, [CLI, 'verify', out], { encoding: 'utf8' });
    if (!VERIFIED.has(verify.status)) {
      this.#fail([`verify: exit ${verify.status}: ${verify.stdout}${verify.stderr}`]);
    }
  }

  /** A further life of the mirror is a further connection: those of the first lives are in order of clients. */
  #at(side: 'old' | 'new', index: number): HubConnection {
    const connection = this.#hubs[side].connections[index + 1];
    if (connection === undefined)
      throw new Error(`the ${side} relay has no connection ${index + 1}`);
    return connection;
  }

  #fail(what: Iterable<string>): void {
    this.#outcome.failures.push(...what);
  }
}
