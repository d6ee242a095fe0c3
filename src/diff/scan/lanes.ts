/**
 * Who can have published a frame, as far as its header tells: roles (domain and source) and the connections that
 * send as them. Roles and connections that are tied to each other, however indirectly, are one lane; so all that one
 * publisher sent lies in one lane, and agreement within each lane is agreement of every publisher.
 */

const ROLES = 65_536;
const NONE = -1;
const UNKNOWN = -1;

export class Lanes {
  readonly #isTapped: boolean;
  /** Role -> its node. */
  readonly #nodeOfRole = new Int32Array(ROLES).fill(NONE);
  readonly #nodeOfConnection = new Map<number, number>();
  /** Union-find over nodes; the root is the lane. */
  readonly #parents: number[] = [];
  /** Of a lane: the one connection in it, UNKNOWN when nobody known sends, undefined when several do. */
  readonly #connections: (number | undefined)[] = [];
  readonly #asked = new Set<number>();
  #merges = 0;

  /** A tap has one connection for each domain, and what it feeds has the order of its domain. */
  constructor(isTapped: boolean) {
    this.#isTapped = isTapped;
  }

  /** How often two lanes became one after somebody had told them apart. */
  get merges(): number {
    return this.#merges;
  }

  /** `connection` sends as this role. */
  note(role: number, connection: number): void {
    if (this.#isTapped) return;
    const roleNode = this.#nodeOf(role);
    let node = this.#nodeOfConnection.get(connection);
    if (node === undefined) {
      node = this.#add(connection);
      this.#nodeOfConnection.set(connection, node);
    }
    this.#join(roleNode, node);
  }

  /** The lane of a role. */
  of(role: number): number {
    const lane = this.#root(this.#nodeOf(this.#isTapped ? role & 0xff00 : role));
    this.#asked.add(lane);
    return lane;
  }

  /** Whether a lane is one publisher's alone. */
  isPure(lane: number): boolean {
    return this.#isTapped || this.#connections[lane] !== undefined;
  }

  #nodeOf(role: number): number {
    const known = this.#nodeOfRole[role] ?? NONE;
    if (known !== NONE) return known;
    return (this.#nodeOfRole[role] = this.#add(UNKNOWN));
  }

  #add(connection: number): number {
    this.#parents.push(this.#parents.length);
    this.#connections.push(connection);
    return this.#parents.length - 1;
  }

  #root(node: number): number {
    let at = node;
    for (let parent = this.#parents[at] ?? at; parent !== at; parent = this.#parents[at] ?? at) {
      this.#parents[at] = this.#parents[parent] ?? parent;
      at = parent;
    }
    return at;
  }

  #join(left: number, right: number): void {
    const [one, other] = [this.#root(left), this.#root(right)];
    if (one === other) return;
    this.#parents[other] = one;
    const [a, b] = [this.#connections[one], this.#connections[other]];
    this.#connections[one] = a === UNKNOWN ? b : b === UNKNOWN ? a : undefined;
    if (this.#asked.has(one) && this.#asked.has(other)) this.#merges++;
    if (this.#asked.has(other)) this.#asked.add(one);
  }
}
