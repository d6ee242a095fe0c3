/** `npm run soak -- account`: millions of frames, and where each of them is; see account.ts. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { takeAccount } from './account.ts';

const REPORT_FRAMES = 500_000;

export async function soakAccount(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      frames: { type: 'string', default: '5000000' },
      'on-overload': { type: 'string', default: 'gap' },
    },
  });
  const onOverload = values['on-overload'];
  if (onOverload !== 'gap' && onOverload !== 'block') throw new Error('--on-overload gap|block');
  const directory = mkdtempSync(join(tmpdir(), 'rd-account-'));
  const startMs = performance.now();
  let told = 0;
  try {
    const { lines, unmirroredBytes, failures } = await takeAccount({
      frames: Number(values.frames),
      directory,
      onOverload,
      report: (sent) => {
        if (sent < told + REPORT_FRAMES) return;
        told = sent;
        console.log(`${sent} frames sent, ${seconds(startMs)} s`);
      },
    });
    console.table(lines);
    for (const failure of failures) console.error(failure);
    const frames = lines.reduce((sum, line) => sum + line.passedFrames, 0);
    console.log(
      `done: ${frames} frames in ${lines.length} streams, ${unmirroredBytes} bytes not mirrored, ` +
        `${failures.length} failures, ${seconds(startMs)} s`,
    );
    return failures.length === 0;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1_000).toFixed(0);
}
