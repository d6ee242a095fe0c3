import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fromHex } from '../../src/lib/bytes.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const VECTORS = fileURLToPath(new URL('../fixtures/vectors/vectors.json', import.meta.url));
const vectorShape = z.object({
  valid: z.array(
    z.object({
      name: z.string(),
      dialect: z.string(),
      hex: z.string(),
      checksumField: z.string(),
      decoded: z.unknown(),
    }),
  ),
});

function jsonLines(text: string): readonly Record<string, unknown>[] {
  const line = z.record(z.string(), z.unknown());
  return text
    .split('\n')
    .filter((each) => each !== '')
    .map((each) => line.parse(JSON.parse(each)));
}

describe('decode --json', () => {
  it('prints the vectors as the reference spells them, from bytes and from hex', () => {
    const { valid } = vectorShape.parse(JSON.parse(readFileSync(VECTORS, 'utf8')));
    const vectors = valid.filter((vector) => vector.dialect === 'torq-types');
    expect(vectors.length).toBeGreaterThan(40);
    const bytes = concat(vectors.map((vector) => fromHex(vector.hex)));
    const args = ['decode', '--json', '--dialect', 'torq-types'];
    const fromBytes = runCli([...args, '-'], bytes);
    const fromText = runCli([...args, '--hex', '-'], vectors.map((v) => v.hex).join('\n'));
    expect(fromText).toEqual(fromBytes);
    const messages = jsonLines(fromBytes.stdout);
    expect(messages.map(({ header, tlvs }) => ({ header, tlvs }))).toEqual(
      vectors.map((vector) => vector.decoded),
    );
    expect(messages.map((message) => message['checksum'])).toEqual(
      vectors.map((vector) => vector.checksumField),
    );
    let offset = 0;
    for (const [index, message] of messages.entries()) {
      expect([message['ordinal'], message['offset']]).toEqual([index, offset]);
      offset += Number(message['length']);
    }
  });

  it('prints what is no frame as a defect, in its place', () => {
    const input = concat([testFrame(1), Buffer.from('noise'), testFrame(2).subarray(0, 40)]);
    const messages = jsonLines(runCli(['decode', '--json', '-'], input).stdout);
    expect(messages).toMatchObject([
      { ordinal: 0, offset: 0, length: 100, checksum: 'valid' },
      { ordinal: 1, offset: 100, length: 5, defect: { kind: 'bad-magic', hex: '6e6f697365' } },
      { ordinal: 2, offset: 105, length: 40, defect: { kind: 'unfinished-tail' } },
    ]);
  });

  it('reads a file, and shows people one line a message', () => {
    const file = join(temporaryDirectory(), 'frames.bin');
    writeFileSync(file, concat([testFrame(1), testFrame(2)]));
    expect(runCli(['decode', file]).stdout).toMatchInlineSnapshot(`
      "#0 at 0, 100 bytes: Trade  MarketData/PolygonCollector sequence 1, checksum valid
      #1 at 100, 100 bytes: Trade  MarketData/PolygonCollector sequence 2, checksum valid
      "
    `);
  });
});

describe('messages', () => {
  const script = {
    connections: ['publisher', 'consumer'],
    steps: [
      { connection: 1, stream: 'client' as const, bytes: concat([testFrame(1), testFrame(2)]) },
      { connection: 2, stream: 'old' as const, bytes: testFrame(1) },
      { connection: 1, stream: 'new' as const, bytes: testFrame(1).subarray(0, 60) },
      { connection: 2, stream: 'old' as const, bytes: testFrame(2) },
    ],
  };

  it('prints every stream in order of arrival, with --json one object a line', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    buildCapture(path, script);
    const messages = jsonLines(runCli(['messages', path, '--json']).stdout);
    expect(messages).toMatchObject([
      { connection: 1, stream: 'client', ordinal: 0, offset: 0, arrivalNs: '1000000' },
      { connection: 1, stream: 'client', ordinal: 1, offset: 100, arrivalNs: '1000000' },
      { connection: 2, stream: 'old', ordinal: 0, offset: 0, arrivalNs: '2000000' },
      { connection: 1, stream: 'new', ordinal: 0, length: 60, defect: { kind: 'unfinished-tail' } },
      { connection: 2, stream: 'old', ordinal: 1, offset: 100, arrivalNs: '4000000' },
    ]);
    expect(messages[0]).toMatchObject({
      length: 100,
      checksum: 'valid',
      header: { magic: 3735928559, relay_domain: 1, sequence: '1', payload_size: 68 },
      tlvs: [{ type: 1, name: 'Trade', extended: false, length: 66 }],
    });
  });

  it('selects by connection, stream and number', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    buildCapture(path, script);
    const select = (...args: string[]): number =>
      jsonLines(runCli(['messages', path, '--json', ...args]).stdout).length;
    expect(select('--connection', '2')).toBe(2);
    expect(select('--stream', 'client')).toBe(2);
    expect(select('--limit', '3')).toBe(3);
    expect(select('--limit', '0')).toBe(0);
  });

  it('ends quietly when its reader goes away', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    const frames = Array.from({ length: 5_000 }, (_, index) => testFrame(index));
    const bytes = concat(frames);
    buildCapture(path, {
      connections: ['publisher'],
      steps: [{ connection: 1, stream: 'client', bytes }],
    });
    const { stdout, exitCode } = runCli(['messages', path, '--json', '--limit', '1']);
    expect(exitCode).toBe(0);
    expect(jsonLines(stdout)).toHaveLength(1);
  });

  it('info counts what is there', () => {
    const path = join(temporaryDirectory(), 'a.capture');
    buildCapture(path, script);
    const { stdout } = runCli(['info', path, '--json']);
    expect(JSON.parse(stdout)).toMatchObject({
      sealed: true,
      dialect: 'torq-codec',
      streams: [
        { connection: 1, label: 'publisher', stream: 'client', bytes: 200, chunks: 1, frames: 2 },
        { connection: 2, label: 'consumer', stream: 'old', bytes: 200, chunks: 2, frames: 2 },
        { connection: 1, label: 'publisher', stream: 'new', bytes: 60, frames: 0, tailBytes: 60 },
      ],
      messages: [{ message: 'Trade', domain: 'MarketData', client: 2, old: 2, new: 0 }],
      checksums: { valid: 4, zero: 0, wrong: 0 },
      gaps: [],
    });
  });
});
