/** Out and back again: every byte, border, time, event and gap is there, and the comparison says the same. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { verifyPath } from '../../src/capture/verify.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ODD_STEPS, type Recording, recordings, writeRecording } from './recordings.ts';
import { contents, expectSameDiff, exportAs, FORMATS, importAs } from './support.ts';

const ODD: Recording = {
  origin: 'record',
  steps: ODD_STEPS,
  partNs: 0,
  hasAccounts: true,
  isSealed: true,
  note: 'a "quoted" line\nand another',
};

/** What was cut off while it was recorded ends with what did not come into it. */
const ENDS_IN_GAP: Recording = {
  ...ODD,
  steps: [
    { what: 'frame', connection: 1, stream: 'client', number: 0, pauseNs: 400_000_000 },
    { what: 'frame', connection: 1, stream: 'client', number: 0, pauseNs: 400_000_000 },
    { what: 'gap', connection: 1, stream: 'client', number: 0, pauseNs: 0 },
  ],
  partNs: 500_000_000,
  hasAccounts: false,
  isSealed: false,
};

/** Its last part begins with a stream that the whole does not begin with. */
const PARTS_IN_OTHER_ORDER: Recording = {
  ...ODD,
  steps: [
    { what: 'frame', connection: 1, stream: 'client', number: 0, pauseNs: 400_000_000 },
    { what: 'frame', connection: 1, stream: 'client', number: 0, pauseNs: 400_000_000 },
    { what: 'flush', connection: 1, stream: 'client', number: 0, pauseNs: 0 },
    { what: 'frame', connection: 1, stream: 'old', number: 0, pauseNs: 0 },
  ],
  partNs: 500_000_000,
  note: '',
};

describe.each(FORMATS)('a capture that goes out as %s and comes back', (format) => {
  it('is the same capture, verifies, and is the same file when it goes out again', async () => {
    await fc.assert(
      fc.asyncProperty(recordings, async (recording) => {
        const directory = temporaryDirectory();
        const at = (name: string): string => join(directory, name);
        // A result names the file, so both have the same name.
        mkdirSync(at('back'));
        writeRecording(at('a.capture'), recording);
        exportAs(format, at('a.capture'), at('a.out'));
        const { verification } = await importAs(format, at('a.out'), at('back/a.capture'));
        const verdict = [...verifyPath(at('a.capture'))].at(-1)?.verdict;
        expect(verification.verdict).toBe(verdict);
        const { info, ...rest } = contents(at('back/a.capture'));
        const { info: infoBefore, ...restBefore } = contents(at('a.capture'));
        expect(rest).toEqual(restBefore);
        expect(withoutSet(info)).toEqual(infoBefore);
        expectSameDiff(at('a.capture'), at('back/a.capture'));
        if (recording.partNs > 0) return;
        exportAs(format, at('back/a.capture'), at('back/a.out'));
        expect(readFileSync(at('back/a.out')).equals(readFileSync(at('a.out')))).toBe(true);
      }),
      {
        numRuns: 20,
        examples: [[ODD], [{ ...ODD, steps: [] }], [ENDS_IN_GAP], [PARTS_IN_OTHER_ORDER]],
      },
    );
  });
});

/** Of a rotated recording the new capture says that it was one. */
function withoutSet({ notes, ...rest }: ReturnType<typeof contents>['info']): object {
  const { 'joined from set': set, ...others } = notes;
  if (set !== undefined) expect(set).toMatch(/^[0-9a-f-]{36}$/);
  return { ...rest, notes: others };
}
