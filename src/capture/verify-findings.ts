/** Collects what a verification finds: all of it is counted, the first of each severity are kept. */
import type { Finding, Verification, VerificationCounts } from './verification.ts';

/** Hears now and then how far a step is. */
export type OnVerifyProgress = (step: string, done: number, total: number) => void;

const KEPT_MAX = 1_000;

export class Findings {
  readonly #damage: Finding[] = [];
  readonly #missing: Finding[] = [];
  #count = 0;

  damage(finding: Omit<Finding, 'severity'>): void {
    this.#add({ severity: 'damage', ...finding });
  }

  missing(finding: Omit<Finding, 'severity'>): void {
    this.#add({ severity: 'missing', ...finding });
  }

  get count(): number {
    return this.#count;
  }

  get kept(): Finding[] {
    return [...this.#damage, ...this.#missing].slice(0, KEPT_MAX);
  }

  get verdict(): Verification['verdict'] {
    if (this.#damage.length > 0) return 'damaged';
    return this.#missing.length > 0 ? 'incomplete' : 'whole';
  }

  #add(finding: Finding): void {
    this.#count += 1;
    const list = finding.severity === 'damage' ? this.#damage : this.#missing;
    if (list.length < KEPT_MAX) list.push(finding);
  }
}

export const NO_COUNTS: VerificationCounts = {
  blocks: 0,
  blockBytes: 0,
  segments: 0,
  journalRows: 0,
  connections: 0,
  streams: 0,
  streamBytes: 0,
  chunks: 0,
  events: 0,
  gaps: 0,
  gapBytes: 0,
  accounts: 0,
};

/** A verification with nothing counted yet. */
export function verificationOf(path: string, findings: Findings): Verification {
  return {
    format: 'relaydiff-verify/1',
    path,
    verdict: findings.verdict,
    sealed: false,
    reachesNs: '0',
    counts: NO_COUNTS,
    findings: findings.kept,
    findingCount: findings.count,
  };
}
