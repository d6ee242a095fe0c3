/**
 * What one client sends between two turns of the event loop goes to the system together: one write, and so one chunk of the
 * new capture. Decides nothing about when.
 */
import type { ReplayClient } from './replay-client.ts';

/** What is handed over at once: one read of a relay, and one chunk. */
const WRITE_BYTES_MAX = 65_536;

export class JoinedWrites {
  readonly #write: (client: ReplayClient, bytes: Uint8Array) => void;
  /** Whose bytes wait to be handed over, and what they are. */
  #sender: ReplayClient | undefined;
  #unsent: Uint8Array[] = [];
  #unsentBytes = 0;

  constructor(write: (client: ReplayClient, bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Hands over what these bytes of this client cannot join. */
  makeRoomFor(client: ReplayClient, bytes: Uint8Array): void {
    const isFull = this.#unsentBytes + bytes.length > WRITE_BYTES_MAX;
    if (client !== this.#sender || isFull) this.handOver();
  }

  /** After `makeRoomFor`. */
  add(client: ReplayClient, bytes: Uint8Array): void {
    this.#sender = client;
    this.#unsent.push(bytes);
    this.#unsentBytes += bytes.length;
  }

  handOver(): void {
    const client = this.#sender;
    if (client === undefined) return;
    const [first] = this.#unsent;
    const bytes = this.#unsent.length === 1 && first ? first : Buffer.concat(this.#unsent);
    this.#sender = undefined;
    this.#unsent = [];
    this.#unsentBytes = 0;
    this.#write(client, bytes);
  }
}
