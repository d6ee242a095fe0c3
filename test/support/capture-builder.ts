/** Builds real captures from a script, for tests: what each connection sent and got, in order. */
import { RotatingWriter, type Rotation } from '../../src/capture/rotating-writer.ts';
import { H3 } from './frames.ts';
import type { CaptureEvent, Gap, StreamKind } from '../../src/capture/types.ts';

export type CaptureStep =
  | { readonly connection: number; readonly stream: StreamKind; readonly bytes: Uint8Array }
  | {
      /** undefined: an event of the recording. */
      readonly connection: number | undefined;
      readonly event: CaptureEvent['kind'];
      readonly on?: StreamKind;
      readonly details?: CaptureEvent['details'];
    }
  | { readonly gap: GapToBuild }
  /** The next step happens that much later. */
  | { readonly waitMs: number };

/** Most tests do not care which frames a gap names. */
export type GapToBuild = Omit<Gap, 'firstHeader' | 'lastHeader'> &
  Partial<Pick<Gap, 'firstHeader' | 'lastHeader'>>;

export interface CaptureScript {
  readonly dialect?: string;
  /** Default `record`. */
  readonly origin?: string;
  readonly notes?: Readonly<Record<string, string>>;
  readonly connections: readonly string[];
  readonly steps: readonly CaptureStep[];
  /** Default true. */
  readonly sealed?: boolean;
  /** Default: one file. */
  readonly rotation?: Rotation;
  /** Flushes after so many steps, and lets somebody look at what is there. */
  readonly watched?: { readonly everySteps: number; readonly look: () => void };
}

const STEP_NS = 1_000_000n;

/** Connections get the ids 1, 2, ... in order; each step happens 1 ms after the one before, and after waits. */
export function buildCapture(path: string, script: CaptureScript): void {
  const start = {
    origin: script.origin ?? 'record',
    writer: 'test',
    startedUnixNs: 1_700_000_000_000_000_000n,
    dialect: script.dialect ?? 'torq-codec',
    layout: H3,
    notes: script.notes ?? {},
    protocolSchemas: new Map<string, string>(),
  };
  const writer = new RotatingWriter(path, start, script.rotation);
  script.connections.forEach((label, index) => {
    writer.addConnection({ id: index + 1, label, openedNs: 0n });
  });
  const offsets = new Map<string, number>();
  let timeNs = 0n;
  script.steps.forEach((step, index) => {
    const ordinal = index + 1;
    timeNs += 'waitMs' in step ? BigInt(step.waitMs) * STEP_NS : STEP_NS;
    if ('waitMs' in step) return;
    if ('gap' in step) {
      writer.addGap({ firstHeader: undefined, lastHeader: undefined, ...step.gap });
      if (step.gap.where === 'recording') {
        offsets.set(`${step.gap.connection}/${step.gap.stream}`, step.gap.offset + step.gap.bytes);
      }
    } else if ('event' in step) {
      writer.addEvent({
        ordinal,
        timeNs,
        connection: step.connection,
        stream: step.on,
        kind: step.event,
        details: step.details ?? {},
      });
    } else {
      const key = `${step.connection}/${step.stream}`;
      const offset = offsets.get(key) ?? 0;
      writer.addChunk({ ...step, ordinal, timeNs, offset });
      offsets.set(key, offset + step.bytes.length);
    }
    if (script.watched !== undefined && index % script.watched.everySteps === 0) {
      writer.flush();
      script.watched.look();
    }
  });
  if (script.sealed ?? true) writer.seal();
  else writer.flush();
}
