/** What the thread that compares is asked and answers. */
import type { RulesTexts } from '../diff/rules/read-rules.ts';
import type { DiffResult } from '../diff/types.ts';
import type { ErrorCode } from '../lib/operating-error.ts';
import type { SchemaTexts } from '../protocol/load.ts';

export interface JudgeRequest {
  readonly goldenPath: string;
  readonly replayPath: string;
  readonly rules: RulesTexts;
  /** Definitions of the user. */
  readonly schemas: SchemaTexts;
  /** `2026-07-31`, UTC. */
  readonly today: string;
}

export type JudgeAnswer =
  | { readonly kind: 'result'; readonly result: DiffResult }
  | {
      readonly kind: 'failure';
      readonly code: ErrorCode;
      readonly message: string;
      readonly hint: string | undefined;
    };
