/** Rules files on disk: reading them, and the day on which they are read. */
import { readFileSync } from 'node:fs';
import type { RulesTexts } from '../diff/rules/read-rules.ts';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';

/** Throws INPUT_UNREADABLE. */
export function readRulesFiles(paths: readonly string[]): RulesTexts {
  return paths.map((path) => {
    try {
      return [path, readFileSync(path, 'utf8')] as const;
    } catch (error) {
      throw new OperatingError('INPUT_UNREADABLE', `cannot read ${path}: ${reasonOf(error)}`, {
        hint: 'Give a rules file; docs/rules.md describes the format.',
        cause: error,
      });
    }
  });
}

/** `2026-07-31`, UTC. */
export function today(): string {
  return new Date().toISOString().slice(0, 10);
}
