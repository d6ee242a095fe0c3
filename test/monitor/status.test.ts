import { Ajv2020 } from 'ajv/dist/2020.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeLastStatus, makeStatus } from '../../src/monitor/make-status.ts';
import { PROBLEM_REASONS, statusSchema, WARNING_REASONS } from '../../src/monitor/status.ts';
import type { StreamAccount } from '../../src/shim/status.ts';
import { liveStatus, lossyStatus, RECORDING, relay, sampleAt, statusOf } from './sample.ts';

const SCHEMA_FILE = '../../schemas/json/status.schema.json';

const published = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:relaydiff:status:1',
  title: 'relaydiff status',
  description:
    'What `/status`, `--status-file` and `--json --status-every` of a recording say. A later version may add keys; readers ignore keys they do not know.',
  ...z.toJSONSchema(statusSchema, { io: 'input' }),
};
const validate = new Ajv2020({ strict: true, formats: { 'date-time': true } }).compile(published);

describe('the status document', () => {
  it('is described by the published schema, which is generated from the one in use', async () => {
    await expect(`${JSON.stringify(published, null, 2)}\n`).toMatchFileSnapshot(SCHEMA_FILE);
  });

  it('fits it, whether all is well, everything is wrong, or nothing is known', () => {
    const unknown = liveStatus({
      fileBytes: undefined,
      troubles: { open: [], told: 0, last: undefined },
    });
    for (const live of [liveStatus(), lossyStatus(), unknown]) {
      const status: unknown = JSON.parse(JSON.stringify(statusOf(live)));
      expect(statusSchema.parse(status)).toEqual(status);
      expect(validate(status), JSON.stringify(validate.errors)).toBe(true);
    }
  });

  it('says nothing of a size that nobody knows', () => {
    expect(statusOf(liveStatus({ fileBytes: undefined })).file.bytes).toBeNull();
  });
});

describe('the rates', () => {
  it('are what passed between two looks, for any two', () => {
    const total = fc.nat({ max: 2 ** 40 });
    fc.assert(
      fc.property(total, total, fc.integer({ min: 1, max: 100_000 }), (before, more, ms) => {
        const at = (bytes: number): ReturnType<typeof liveStatus> =>
          liveStatus({ streams: mapStreams((a) => ({ ...a, seenBytes: bytes, frames: bytes })) });
        const { streams } = makeStatus(
          RECORDING,
          sampleAt(ms / 1_000, at(before + more)),
          sampleAt(0, at(before)),
        );
        expect((streams.client.bytesPerSecond * ms) / 1_000).toBeCloseTo(more, 0);
        expect(streams.old.framesPerSecond).toBe(streams.old.bytesPerSecond);
      }),
    );
  });

  it('are 0 at the first look, and when no time has passed', () => {
    const now = sampleAt(1);
    for (const before of [undefined, now]) {
      expect(makeStatus(RECORDING, now, before).streams.client).toMatchObject({
        bytesPerSecond: 0,
        framesPerSecond: 0,
      });
    }
  });
});

describe('a recording', () => {
  it('is ready, degraded when something is lost or behind, and not ready for each problem', () => {
    expect(statusOf(liveStatus())).toMatchObject({ state: 'ready', problems: [], warnings: [] });
    const lossy = statusOf(lossyStatus());
    expect(lossy.state).toBe('degraded');
    expect(lossy.warnings.map(({ reason }) => reason)).toEqual([...WARNING_REASONS]);
    const away = (trouble: string): ReturnType<typeof relay> => ({ ...relay(1), trouble });
    const open = (['writer', 'accept', 'bug'] as const).map((about) => ({ about, message: about }));
    const wrong = statusOf(
      liveStatus({
        isStopping: true,
        relays: { old: away('refused'), new: away('gone') },
        troubles: { open, told: 3, last: undefined },
      }),
    );
    expect(wrong.state).toBe('not-ready');
    const reasons = wrong.problems.map(({ reason }) => reason);
    expect([...reasons, 'stopped'].sort()).toEqual([...PROBLEM_REASONS].sort());
    expect(wrong.relays.new).toMatchObject({ reachable: false, trouble: 'gone' });
  });

  it('that has ended says so, and keeps what it has seen', () => {
    const last = makeLastStatus(statusOf(lossyStatus()));
    expect(last).toMatchObject({ state: 'not-ready', problems: [{ reason: 'stopped' }] });
    expect(last.gaps).toEqual(statusOf(lossyStatus()).gaps);
  });
});

function mapStreams(
  change: (account: Readonly<StreamAccount>) => StreamAccount,
): ReturnType<typeof liveStatus>['streams'] {
  const { client, old, new: fresh } = liveStatus().streams;
  return { client: change(client), old: change(old), new: change(fresh) };
}
