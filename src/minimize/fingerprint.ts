/**
 * When two divergences of two comparisons are the same one: the same kind, the same cause, the same message byte for byte
 * (of both sides, where both have one), the same fields. Which client it was found at, where and when, does not count: with
 * fewer clients and messages these change.
 */
import type { DiffResult, Divergence, DivergenceKind } from '../diff/types.ts';

export interface Fingerprint {
  readonly kind: DivergenceKind;
  readonly cause: string;
  /** TLV names, or the event of a connection. */
  readonly subject: string;
  /** Hex; null: this side has none. */
  readonly old: string | null;
  readonly new: string | null;
  readonly fields: readonly string[];
}

/** What of a comparison is looked at. */
export type Found = Pick<DiffResult, 'divergences' | 'groups'>;

export function fingerprintOf(result: Found, divergence: Divergence): Fingerprint {
  const { kind, subject, old, new: neu, differences, group } = divergence;
  return {
    kind,
    cause: result.groups.find(({ id }) => id === group)?.cause ?? 'unexplained',
    subject,
    old: old?.hex ?? null,
    new: neu?.hex ?? null,
    fields: differences.map(({ path, change }) => `${path} ${change ?? ''}`),
  };
}

/** The first that is the same. */
export function findSame(result: Found, wanted: Fingerprint): Divergence | undefined {
  const text = JSON.stringify(wanted);
  return result.divergences.find(
    (divergence) =>
      divergence.kind === wanted.kind && JSON.stringify(fingerprintOf(result, divergence)) === text,
  );
}
