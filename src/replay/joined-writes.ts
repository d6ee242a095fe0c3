/**
 * What one client sends between two turns of the event loop goes to the system together: one write, and so one chunk of the
 * new capture. Decides nothing about when.
 */
/** What is handed over at once: one read of a relay, and one chunk. */
const WRITE_BYTES_MAX = 65_536;

export class JoinedWrites<Client extends { readonly id: number }> {
  readonly #write: (client: Client, bytes: Uint8Array) => void;
  /** Whose bytes wait to be handed over, and what they are. */
  #sender: Client | undefined;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Bytes behind `parts`: what is read of a capture lies back to back, so most of it is joined without a copy. */
  #memory: ArrayBufferLike | undefined;
  #from = 0;
  #to = 0;

  constructor(write: (client: Client, bytes: Uint8Array) => void) {
    this.#write = write;
  }

  /** Whether the bytes join what this very client sends; then they have. */
  joins(connection: number, bytes: Uint8Array): boolean {
    if (this.#sender?.id !== connection || !this.#hasRoomFor(bytes)) return false;
    this.#add(bytes);
    return true;
  }

  /** Hands over what these bytes of this client cannot join. */
  makeRoomFor(client: Client, bytes: Uint8Array): void {
    if (client !== this.#sender || !this.#hasRoomFor(bytes)) this.handOver();
  }

  /** After `makeRoomFor`. */
  add(client: Client, bytes: Uint8Array): void {
    this.#sender = client;
    this.#add(bytes);
  }

  handOver(): void {
    const client = this.#sender;
    if (client === undefined) return;
    this.#endPart();
    const [first] = this.#parts;
    const bytes = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts);
    this.#sender = undefined;
    this.#parts = [];
    this.#bytes = 0;
    this.#write(client, bytes);
  }

  #hasRoomFor(bytes: Uint8Array): boolean {
    return this.#bytes + bytes.length <= WRITE_BYTES_MAX;
  }

  #add(bytes: Uint8Array): void {
    if (bytes.buffer !== this.#memory || bytes.byteOffset !== this.#to) {
      this.#endPart();
      this.#memory = bytes.buffer;
      this.#from = bytes.byteOffset;
      this.#to = this.#from;
    }
    this.#to += bytes.length;
    this.#bytes += bytes.length;
  }

  #endPart(): void {
    if (this.#memory === undefined) return;
    this.#parts.push(new Uint8Array(this.#memory, this.#from, this.#to - this.#from));
    this.#memory = undefined;
  }
}
