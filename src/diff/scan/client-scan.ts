/**
 * Reads along what one client sent, only to count its frames and to note the roles that it sends as: which frames
 * of the sides belong together is known by that.
 */
import type { CaptureReader, StreamEnd } from '../../capture/types.ts';
import { DEFAULT_FRAME_LIMITS, FrameRules } from '../../wire/frame-rules.ts';
import type { HeaderLayout } from '../../wire/types.ts';
import type { Lanes } from './lanes.ts';
import { StreamWalk } from './stream-walk.ts';

const ROLES = 65_536;

export class ClientScan {
  readonly #layout: HeaderLayout;
  readonly #rules: FrameRules;
  readonly #walk: StreamWalk;
  readonly #lanes: Lanes;
  readonly #connection: number;
  readonly #roles = new Set<number>();
  #role = ROLES;
  #frames = 0;

  constructor(layout: HeaderLayout, lanes: Lanes, connection: number) {
    this.#layout = layout;
    this.#rules = new FrameRules(layout, DEFAULT_FRAME_LIMITS);
    this.#walk = new StreamWalk(layout);
    this.#lanes = lanes;
    this.#connection = connection;
  }

  /** Whole frames so far. */
  get frames(): number {
    return this.#frames;
  }

  advance(reader: CaptureReader, stream: StreamEnd, isEnd: boolean): void {
    this.#walk.attach(reader, stream);
    for (;;) {
      this.#passBulk();
      const next = isEnd ? this.#walk.nextToEnd() : this.#walk.next();
      if (next === undefined) break;
      if (next.span.kind === 'frame') this.#note(next.span.bytes, 0);
    }
    this.#walk.detach();
  }

  #passBulk(): void {
    for (let window = this.#walk.ahead(); window.length > 0; window = this.#walk.ahead()) {
      let position = 0;
      const before = this.#frames;
      for (;;) {
        const length = this.#rules.plainFrameBytes(window, position);
        if (length === 0) break;
        this.#note(window, position);
        position += length;
      }
      this.#walk.pass(position, this.#frames - before);
      if (position === 0) return;
    }
  }

  #note(bytes: Uint8Array, position: number): void {
    this.#frames++;
    const { relay_domain: domainAt, source: sourceAt } = this.#layout.offsets;
    const role = ((bytes[position + domainAt] ?? 0) << 8) | (bytes[position + sourceAt] ?? 0);
    if (role === this.#role) return;
    this.#role = role;
    if (this.#roles.has(role)) return;
    this.#roles.add(role);
    this.#lanes.note(role, this.#connection);
  }
}
