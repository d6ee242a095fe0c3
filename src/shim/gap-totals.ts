/** What is missing, by place and reason. The reasons are words of the code, so there are only few. */
import type { GapAccount } from './status.ts';

type Where = GapAccount['where'];
type Growth = Pick<GapAccount, 'gaps' | 'bytes' | 'frames'>;

/** Those that are reported with 0 from the start, so that an alert sees the first one grow. */
const KNOWN_REASONS: readonly (readonly [Where, string])[] = [
  ['mirror', 'mirror-slow'],
  ['mirror', 'mirror-unreachable'],
  ['mirror', 'mirror-closed'],
  ['recording', 'spool-full'],
];

export class GapTotals {
  readonly #accounts = new Map<string, GapAccount>();

  constructor() {
    for (const [where, reason] of KNOWN_REASONS) {
      this.add(where, reason, { gaps: 0, bytes: 0, frames: 0 });
    }
  }

  /** A copy: the accounts go on. */
  get accounts(): readonly GapAccount[] {
    return [...this.#accounts.values()];
  }

  add(where: Where, reason: string, growth: Growth): void {
    const key = `${where}/${reason}`;
    const before = this.#accounts.get(key) ?? { gaps: 0, bytes: 0, frames: 0 };
    this.#accounts.set(key, {
      where,
      reason,
      gaps: before.gaps + growth.gaps,
      bytes: before.bytes + growth.bytes,
      frames: before.frames + growth.frames,
    });
  }
}
