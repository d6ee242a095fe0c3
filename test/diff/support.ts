/** Scenarios for the differ: what clients sent and what each side delivered, as real captures. */
import { join } from 'node:path';
import { openCapture } from '../../src/capture/open.ts';
import { diffCapture, type DiffOptions } from '../../src/diff/diff-capture.ts';
import type { DiffResult } from '../../src/diff/types.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { buildCapture, type CaptureScript, type CaptureStep } from '../support/capture-builder.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

export const protocol = loadBuiltInProtocol();
export const dialect: Dialect = protocol.dialect('torq-codec');

export interface Scenario {
  readonly connections?: readonly string[];
  readonly steps: readonly CaptureStep[];
  readonly sealed?: boolean;
  readonly origin?: string;
}

export function diffScenario(scenario: Scenario, options: Partial<DiffOptions> = {}): DiffResult {
  const path = join(temporaryDirectory(), 'c.capture');
  const script: CaptureScript = {
    connections: scenario.connections ?? ['publisher'],
    steps: scenario.steps,
    ...(scenario.sealed === undefined ? {} : { sealed: scenario.sealed }),
    ...(scenario.origin === undefined ? {} : { origin: scenario.origin }),
  };
  buildCapture(path, script);
  const reader = openCapture(path);
  try {
    return diffCapture(reader, { oldDialect: dialect, newDialect: dialect, ...options });
  } finally {
    reader.close();
  }
}

/** `connection` sends each of these in a chunk of its own. */
export function sends(connection: number, ...chunks: readonly Uint8Array[]): CaptureStep[] {
  return chunks.map((bytes) => ({ connection, stream: 'client', bytes }));
}

/** A side delivers each of these to all these connections. */
export function delivers(
  side: 'old' | 'new',
  connections: readonly number[],
  ...chunks: readonly Uint8Array[]
): CaptureStep[] {
  return chunks.flatMap((bytes) =>
    connections.map((connection) => ({ connection, stream: side, bytes })),
  );
}

export function kindsOf(result: DiffResult): readonly string[] {
  return result.divergences.map((divergence) => divergence.kind);
}
