/** `relaydiff diff --follow`: a recording is compared while it is made, as a person runs it. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseResult } from '../../src/report/result-json.ts';
import { runCli, startCli, until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { recordOriginals } from './recorded-relays.ts';

it('says how a recording compares while it is made, and ends with what a comparison afterwards says', async () => {
  const directory = temporaryDirectory();
  const path = (name: string): string => join(directory, name);
  const { shim, play } = await recordOriginals(path);
  const told = startCli(['diff', path('a.capture'), '--follow']);
  const read = startCli(['diff', path('a.capture'), '--follow', '--json']);
  await told.says('messages agree');
  await until(() => read.stdout().includes('"sealed":false'));
  await play();
  expect(await shim.stop()).toBe(0);
  expect([await told.ended, await read.ended, told.stdout()]).toEqual([
    0,
    0,
    expect.stringContaining('SAME'),
  ]);
  const lines = read.stdout().trimEnd().split('\n');
  const last = lines.pop() ?? '';
  const events = lines.map((line): unknown => JSON.parse(line));
  expect(events[0]).toMatchObject({ event: 'progress', sealed: false });
  expect(events.at(-1)).toMatchObject({
    event: 'progress',
    sealed: true,
    pairs: 30_000,
    open: { old: 0, new: 0 },
  });
  const afterwards = runCli(['diff', path('a.capture'), '--json']);
  expect(parseResult(last, 'stdout')).toEqual(parseResult(afterwards.stdout, 'stdout'));
  expect(told.stderr()).toContain('30000 messages agree, nothing else');
});

it('refuses to follow two recordings at once', () => {
  const file = join(temporaryDirectory(), 'a.capture');
  const { exitCode, stderr } = runCli(['diff', file, file, '--follow']);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining('USAGE')]);
});
