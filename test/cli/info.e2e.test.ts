/** `relaydiff info`: which dialect the clients speak, and who would not hear them; and --remarks. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { buildCapture } from '../support/capture-builder.ts';
import { concat, H2, testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

function captureOf(bytes: Uint8Array): string {
  const path = join(temporaryDirectory(), 'a.capture');
  const steps = [{ connection: 1, stream: 'client' as const, bytes }];
  buildCapture(path, { connections: ['publisher'], steps });
  return path;
}

/** Trades of 40 bytes, as today's publishers send them. */
function trades(count: number, domain: number): Uint8Array {
  const frames = Array.from({ length: count }, (_, index) =>
    testFrame(index, { domain, source: 1, valueBytes: 40, checksum: 'zero' }),
  );
  return concat(frames);
}

it('names the dialects that explain the clients, and warns of what a generic relay would drop', () => {
  const path = captureOf(trades(300, 0));
  const { stdout } = runCli(['info', path]);
  expect(stdout).toContain('looks like alphapulse-late or torq-types\n');
  expect(stdout).toContain('300 Trade of 40 bytes: as alphapulse-late has');
  expect(stdout).toContain(
    'WARNING    read as torq-codec, which the messages contradict; try --dialect ',
  );
  expect(stdout).toContain(
    'WARNING    300 MarketData messages carry domain 0: the MarketData relay compares with 1 and drops them',
  );
  const { detection } = JSON.parse(runCli(['info', path, '--json']).stdout);
  expect(detection).toMatchObject({
    best: ['alphapulse-late', 'torq-types'],
    warnings: [{ kind: 'dropped', domain: 'MarketData', number: 0, messages: 300 }],
    truncated: false,
  });
});

it('has nothing to warn of when the numbers are those of the relays', () => {
  const { stdout } = runCli(['info', captureOf(trades(3, 1))]);
  expect(stdout).toContain('looks like alphapulse-v2-magicfirst\n');
  expect(stdout).not.toContain('WARNING');
});

it('finds another header order, and looks at a sample of what is long', () => {
  const frames = Array.from({ length: 2_500 }, (_, index) => testFrame(index, { layout: H2 }));
  const { stdout } = runCli(['info', captureOf(concat(frames)), '--json']);
  expect(JSON.parse(stdout).detection.best).toEqual(['alphapulse-v2-seqfirst']);
  const long = runCli(['info', captureOf(trades(2_500, 1))]).stdout;
  expect(long).toContain('2000 of 2000 frames');
  expect(long).toContain('(of a sample: the capture holds more)');
});

it('says that nothing is known of noise', () => {
  const { stdout } = runCli(['info', captureOf(Buffer.from('noise '.repeat(20)))]);
  expect(stdout).toContain('looks like nothing known: no header order fits');
});

it('shows remarks when they are asked for, by decode and by messages', () => {
  const path = captureOf(trades(1, 0));
  const said = { kind: 'unknown-enum-number', path: 'header.relay_domain' };
  const zero = { kind: 'zero-checksum', path: 'header.checksum' };
  const asked = runCli(['messages', path, '--json', '--remarks']).stdout;
  expect(JSON.parse(asked).remarks).toEqual(
    expect.arrayContaining([expect.objectContaining(said), expect.objectContaining(zero)]),
  );
  expect(runCli(['messages', path, '--json']).stdout).not.toContain('remarks');
  const lines = runCli(['decode', '--remarks', '-'], trades(1, 0)).stdout;
  expect(lines).toContain('\n    zero-checksum at header.checksum: ');
});
