import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { StatusFile } from '../../src/monitor/status-file.ts';
import { until } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { liveStatus, statusOf } from './sample.ts';

function jsonAt(seconds: number): string {
  return `${JSON.stringify(statusOf(liveStatus(), seconds))}\n`;
}

function newFile(): { path: string; told: string[]; open: () => Promise<StatusFile> } {
  const path = join(temporaryDirectory(), 'status.json');
  const told: string[] = [];
  return { path, told, open: async () => StatusFile.open(path, (message) => told.push(message)) };
}

describe('the status file', () => {
  it('is a whole status whenever it is read, and the last one at the end', async () => {
    const { path, told, open } = newFile();
    const file = await open();
    const seen = new Set<string>();
    let seconds = 0;
    await until(() => {
      seconds += 1;
      file.write(jsonAt(seconds));
      const text = existsSync(path) ? readFileSync(path, 'utf8') : '{}';
      expect(JSON.parse(text)).toBeTypeOf('object');
      seen.add(text);
      return seen.size > 20;
    });
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe(jsonAt(seconds));
    expect(readdirSync(join(path, '..'))).toEqual(['status.json']);
    expect(told).toEqual([]);
    // The status of an earlier recording may be replaced.
    await open();
  });

  it('takes the place of nothing else: a file, a directory, a link, a socket', async () => {
    for (const put of [
      (path: string) => writeFileSync(path, 'precious'),
      (path: string) => mkdirSync(path),
      (path: string) => symlinkSync('/etc/hostname', path),
    ]) {
      const { path, open } = newFile();
      put(path);
      await expect(open()).rejects.toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
      expect(readdirSync(join(path, '..'))).toEqual(['status.json']);
    }
    const { path, told, open } = newFile();
    const file = await open();
    const server = createServer().listen(path);
    onTestFinished(() => {
      server.close();
    });
    await once(server, 'listening');
    file.write(jsonAt(1));
    await file.close();
    expect(told).toEqual([expect.stringContaining('is no plain file')]);
    expect(readdirSync(join(path, '..'))).toEqual(['status.json']);
  });

  it('that cannot be written is told once, and once more when it can again', async () => {
    const { path, told, open } = newFile();
    const file = await open();
    const directory = join(path, '..');
    onTestFinished(() => {
      if (existsSync(`${directory}-away`)) renameSync(`${directory}-away`, directory);
    });
    renameSync(directory, `${directory}-away`);
    file.write(jsonAt(1));
    await until(() => told.length === 1);
    file.write(jsonAt(2));
    await file.close();
    renameSync(`${directory}-away`, directory);
    file.write(jsonAt(3));
    await file.close();
    expect(told).toEqual([
      expect.stringContaining('recording goes on'),
      expect.stringContaining('is written again'),
    ]);
    expect(readFileSync(path, 'utf8')).toBe(jsonAt(3));
  });

  it('is refused at the start where it cannot be written', async () => {
    const path = join(temporaryDirectory(), 'no', 'status.json');
    await expect(StatusFile.open(path, () => undefined)).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
    });
  });
});
