/**
 * The clients that a replay plays at the moment, taken together: who is there, whose bytes wait to be taken, who has to wait
 * for that, and what those were who are gone. One client by itself is `ReplayClient`; when it does what is not said here.
 */
import type { Side } from '../capture/types.ts';
import type { Fidelity } from './fidelity.ts';
import type { Mode } from './pace.ts';
import type { Bell } from './precise-time.ts';
import { ReplayClient, type ReplayClientOptions } from './replay-client.ts';

export interface PlayedClientsOptions
  extends Pick<ReplayClientOptions, 'targets' | 'layout' | 'recorder'> {
  readonly mode: Mode;
  readonly bell: Bell;
  readonly fidelity: Fidelity;
  readonly onLost: (side: Side) => void;
}

const READ_BUFFER_BYTES = 65_536;

export class PlayedClients {
  readonly #options: PlayedClientsOptions;
  readonly #clients = new Map<number, ReplayClient>();
  /** Those of which something waits in this process. */
  readonly #behind = new Set<ReplayClient>();
  readonly #readBuffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  readonly #overBytes = { sent: 0, unsent: 0 };
  #lastReceivedMs = 0;
  #isHeld = false;

  constructor(options: PlayedClientsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#clients.size;
  }

  /** Of those that are over. */
  get overBytes(): { readonly sent: number; readonly unsent: number } {
    return this.#overBytes;
  }

  /** When any of them received something last, by `performance.now()`. */
  get lastReceivedMs(): number {
    return this.#lastReceivedMs;
  }

  /** The disk cannot keep up: nobody sends and nobody reads. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  get isAnyBehind(): boolean {
    for (const client of this.#behind) if (client.isBehind) return true;
    return false;
  }

  /** undefined: it is not there any more. */
  get(id: number): ReplayClient | undefined {
    return this.#clients.get(id);
  }

  open(id: number, label: string): void {
    const { targets, layout, recorder, bell, onLost } = this.#options;
    const client: ReplayClient = new ReplayClient({
      id,
      label,
      targets,
      layout,
      recorder,
      readBuffer: this.#readBuffer,
      onChange: bell.ring,
      onReceived: () => {
        this.#lastReceivedMs = performance.now();
      },
      onLost,
      onOver: () => {
        this.#clients.delete(id);
        this.#behind.delete(client);
        this.#overBytes.sent += client.sentBytes;
        this.#overBytes.unsent += client.unsentBytes;
      },
    });
    this.#clients.set(id, client);
    if (this.#isHeld) client.hold();
  }

  send(client: ReplayClient, bytes: Uint8Array): void {
    client.send(bytes);
    if (this.#behind.size > 0) this.#noteOvertaking(client);
    if (client.isBehind) this.#behind.add(client);
  }

  /** Nothing may be sent for it now. */
  mustWait(client: ReplayClient): boolean {
    if (client.isConnecting || client.isBlocked || this.#isHeld) return true;
    return this.#options.mode === 'max' && this.#isOtherBehind(client);
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    for (const client of this.#clients.values()) {
      if (isHeld) client.hold();
      else client.release();
    }
    this.#options.bell.ring();
  }

  reportGaps(): void {
    for (const client of this.#clients.values()) client.reportGaps();
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
  }

  destroy(): void {
    for (const client of this.#clients.values()) client.destroy();
  }

  /** The system takes the bytes of this client while it has not taken those of another. */
  #noteOvertaking(client: ReplayClient): void {
    for (const other of this.#behind) if (!other.isBehind) this.#behind.delete(other);
    if (this.#behind.size > (this.#behind.has(client) ? 1 : 0)) this.#options.fidelity.overtook();
  }

  #isOtherBehind(client: ReplayClient): boolean {
    for (const other of this.#behind) {
      if (other !== client && other.isBehind) return true;
    }
    return false;
  }
}
