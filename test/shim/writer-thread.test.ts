import { join } from 'node:path';
import { expect, it } from 'vitest';
import { WriterThread } from '../../src/shim/writer-thread.ts';
import { ANY_START } from '../support/captures.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

it('reports a writer thread that cannot run as RECORDER_FAILED', async () => {
  // Beside the sources there is no compiled worker, so the thread dies at once, as a broken one would.
  const started = WriterThread.start(
    {
      path: join(temporaryDirectory(), 'a.capture'),
      rotation: undefined,
      start: ANY_START,
    },
    {
      stored: () => undefined,
      troubled: () => undefined,
      recovered: () => undefined,
      grown: () => undefined,
    },
  );
  await expect(started).rejects.toMatchObject({ code: 'RECORDER_FAILED' });
});
