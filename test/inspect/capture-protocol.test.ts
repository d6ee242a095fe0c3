/** A capture is read with relaydiff's schemas, unless it was recorded with definitions of somebody's own. */
import { expect, test } from 'vitest';
import { protocolForCapture } from '../../src/inspect/capture-protocol.ts';
import { readBuiltInSchemas } from '../../src/protocol/files.ts';
import type { Protocol } from '../../src/protocol/load.ts';

const builtIn = readBuiltInSchemas();

function addition(name: string): string {
  return `description: d
adds_to: torq-codec
types: [{ number: 230, name: ${name}, domain: vendor, size: any }]
`;
}

type Files = Readonly<Record<string, string>>;

function read(dialect: string, recorded: Files, user: Files = {}): Protocol {
  const info = {
    origin: 'record',
    writer: 'test',
    startedUnixNs: 0n,
    dialect,
    sealed: true,
    durationNs: 0n,
    part: undefined,
    notes: {},
  };
  const protocolSchemas = (): ReadonlyMap<string, string> =>
    new Map([...builtIn, ...Object.entries(recorded)]);
  return protocolForCapture({ info, protocolSchemas }, builtIn, Object.entries(user));
}

const nameOf230 = (protocol: Protocol): string | undefined =>
  protocol.dialect('torq-codec').types.get(230)?.name;

test('recorded corrections of what comes with relaydiff do not count', () => {
  const old = (builtIn.get('torq-codec.yaml') ?? '').replace('Torq libs/codec', 'an older word');
  const protocol = read('torq-codec', { 'torq-codec.yaml': old });
  expect(protocol.dialect('torq-codec').description).toMatch(/^Torq libs\/codec/);
});

test('an addition in the capture counts, until the user gives the file anew', () => {
  expect(nameOf230(read('torq-codec', { 'desk.yaml': addition('Desk') }))).toBe('Vendor:Desk');
  const again = read(
    'torq-codec',
    { 'desk.yaml': addition('Desk') },
    { 'x/desk.yaml': addition('New') },
  );
  expect(nameOf230(again)).toBe('Vendor:New');
  expect(nameOf230(read('torq-codec', {}, { 'x/desk.yaml': addition('New') }))).toBe('Vendor:New');
  expect([...again.sources.keys()]).toContain('desk.yaml');
});

test('a dialect that only the capture has is read from it', () => {
  const protocol = read('ours', { 'ours.yaml': 'description: ours\nextends: torq-codec\n' });
  expect(protocol.dialect('ours').description).toBe('ours');
});
