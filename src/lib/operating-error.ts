/**
 * The one class for failures of operation: what went wrong outside relaydiff, with a stable code, and
 * what the user can do about it. Traffic that is wrong is never an error (see wire/types), and a bug is
 * an AssertionFailure. Each code has its heading in docs/errors.md; a test compares the two lists.
 */

/** Exit codes of the command line (docs/cli.md). */
export const EXIT = {
  same: 0,
  different: 1,
  usage: 2,
  inconclusive: 3,
  failure: 4,
  bug: 70,
} as const;

/** Every code, with the exit code that it leads to. */
export const ERROR_CODES = {
  CAPTURE_DAMAGED: EXIT.usage,
  CAPTURE_EXISTS: EXIT.usage,
  CAPTURE_NEWER: EXIT.usage,
  CAPTURE_NOT_FOUND: EXIT.usage,
  CAPTURE_OLDER: EXIT.usage,
  CAPTURE_UNREADABLE: EXIT.usage,
  CAPTURE_UNWRITABLE: EXIT.failure,
  CLIENT_FAILED: EXIT.failure,
  DIALECT_UNKNOWN: EXIT.usage,
  FILE_UNRECOGNIZED: EXIT.usage,
  GOLDEN_EXISTS: EXIT.usage,
  GOLDEN_INVALID: EXIT.usage,
  GOLDEN_TOO_LARGE: EXIT.usage,
  HEX_INVALID: EXIT.usage,
  IMPORT_INVALID: EXIT.usage,
  INPUT_UNREADABLE: EXIT.usage,
  LISTEN_FAILED: EXIT.failure,
  LISTEN_IN_USE: EXIT.failure,
  MESSAGE_INVALID: EXIT.usage,
  NOISE_INVALID: EXIT.usage,
  NOT_A_CAPTURE: EXIT.usage,
  OPEN_FILES_LIMIT: EXIT.failure,
  OUTPUT_EXISTS: EXIT.usage,
  OUTPUT_UNWRITABLE: EXIT.failure,
  RECORDER_FAILED: EXIT.failure,
  REDACTION_FAILED: EXIT.failure,
  RELAY_FAILED: EXIT.failure,
  RELAY_LOST: EXIT.failure,
  RELAY_UNREACHABLE: EXIT.failure,
  RESULT_INVALID: EXIT.usage,
  RULES_INVALID: EXIT.usage,
  SCHEMA_INVALID: EXIT.usage,
  TAKE_OVER_FAILED: EXIT.failure,
  TRANSCRIPT_INVALID: EXIT.usage,
  USAGE: EXIT.usage,
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

export interface OperatingErrorOptions {
  /** What the user can do about it, as one imperative sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class OperatingError extends Error {
  override readonly name = 'OperatingError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: OperatingErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): number {
    return ERROR_CODES[this.code];
  }
}

/** What went wrong, as words to go behind a colon: the message, without the name of its class. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `ECONNREFUSED`, ...), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
