/**
 * What the names around a live path say about who has it, and what is to be done to give it back. Pure: facts
 * in, one of few situations out, so that every one of them can be tested without a file system.
 *
 * The names: PATH, which clients use; the relay's own socket under its side name while the path is taken over;
 * the shim's own name. The shim's socket has its own name and PATH at the same time, so what leads to the same
 * file as the own name is the shim's for certain, even when the recorder was killed; and no second recorder can
 * bind the own name.
 */

/** What one name leads to. */
export type NameFact =
  | 'absent'
  /** A file, a directory, a socket of another type, or one that may not be connected to. */
  | 'other'
  | 'listening'
  | 'dead';

export interface LeftOvers {
  readonly path: NameFact;
  readonly side: NameFact;
  /** Not `listening`: nobody has the names that were left over. */
  readonly own: Exclude<NameFact, 'listening'>;
  /** PATH and the own name are one file: the path leads to the shim that the own name is of. */
  readonly pathIsOwn: boolean;
  /** PATH and the side name are one file: the relay has its path, and the side name is one too many. */
  readonly pathIsSide: boolean;
}

export type Situation =
  /** No trace of a recorder. */
  | { readonly kind: 'free' }
  /** A recorder that lives has the path; it gives the path back when it ends. */
  | { readonly kind: 'held' }
  /** A recorder was killed while it had the path: the relay's socket, alive or not, goes back to it. */
  | { readonly kind: 'put-back'; readonly relayLives: boolean }
  /** The path is as it should be; only names are left over. */
  | { readonly kind: 'tidy'; readonly removeSide: boolean }
  /** The path leads to a killed recorder, and the relay's socket is not where it was put. */
  | { readonly kind: 'lost' }
  /** Two living sockets, or files that are no sockets: a decision for people. */
  | { readonly kind: 'unclear' };

/** Not for `free` and `held`, which are known without a look at all names. */
export function judgeLeftOvers(facts: LeftOvers): Situation {
  const { path, side, own } = facts;
  // Without its own name no recorder has been here: a side name alone is somebody else's.
  if (own !== 'dead' || side === 'other') return { kind: 'unclear' };
  if (facts.pathIsSide) return { kind: 'tidy', removeSide: true };
  if (facts.pathIsOwn) {
    return side === 'absent'
      ? { kind: 'lost' }
      : { kind: 'put-back', relayLives: side === 'listening' };
  }
  if (side === 'absent') return { kind: 'tidy', removeSide: false };
  // The relay ended: whatever the path leads to now, or not, is not the recorder's doing.
  if (side === 'dead') return { kind: 'tidy', removeSide: true };
  if (path === 'absent' || path === 'dead') return { kind: 'put-back', relayLives: true };
  return { kind: 'unclear' };
}
