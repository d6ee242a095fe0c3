/** A capture as pcapng: nothing is lost, and tshark reads it with the dissector of its dialect. */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { exportSchema } from '../../src/protocol/export/index.ts';
import { VERSION } from '../../src/cli/version.ts';
import { exportPcapng } from '../../src/formats/export-pcapng.ts';
import { openCapture } from '../../src/capture/open.ts';
import { CAPTURED_BYTES_MAX, enhancedPacket } from '../../src/formats/pcapng-blocks.ts';
import { viewOf } from '../../src/wire/header.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { isTsharkInstalled, isTsharkRequired, runTshark } from './tshark.ts';

const dialect = loadBuiltInProtocol().dialect('torq-codec');
const garbage = new TextEncoder().encode(
  'this is no frame at all, and it is long enough to be seen',
);

/** Two streams, a defect between frames, a gap, a tail. */
function exported(path: string): string {
  const capture = join(path, 'a.capture');
  buildCapture(capture, {
    connections: ['publisher'],
    steps: [
      { connection: 1, stream: 'client', bytes: concat([testFrame(1), testFrame(2)]) },
      { connection: 1, stream: 'old', bytes: testFrame(1) },
      { connection: 1, stream: 'old', bytes: concat([garbage, testFrame(2)]) },
      {
        gap: {
          connection: 1,
          stream: 'old',
          where: 'recording',
          reason: 'spool-full',
          offset: 2 * testFrame(1).length + garbage.length,
          bytes: 5_000,
          frames: undefined,
          firstHeader: undefined,
          lastHeader: undefined,
          firstTimeNs: 4_000_000n,
          lastTimeNs: 4_000_000n,
        },
      },
      { connection: 1, stream: 'client', bytes: testFrame(3).subarray(0, 40) },
    ],
  });
  const reader = openCapture(capture);
  const file = join(path, 'a.pcapng');
  writeFileSync(file, Buffer.concat([...exportPcapng(reader, dialect.header, VERSION)]));
  reader.close();
  return file;
}

describe('a capture as pcapng', () => {
  test('is a sequence of blocks that each say their length twice', () => {
    const bytes = readFileSync(exported(temporaryDirectory()));
    let at = 0;
    const types: number[] = [];
    while (at < bytes.length) {
      const length = bytes.readUInt32LE(at + 4);
      expect(length % 4).toBe(0);
      expect(bytes.readUInt32LE(at + length - 4)).toBe(length);
      types.push(bytes.readUInt32LE(at));
      at += length;
    }
    // Header, interfaces, records of what there is; then what happened with a record of the gap; the end.
    const [record, unit] = [0x80005244, 6];
    expect(types).toEqual(
      [0x0a0d0d0a, 1, 1, 1, record, record, record, record].concat([
        unit,
        unit,
        unit,
        unit,
        unit,
        unit,
        record,
        unit,
        record,
      ]),
    );
  });

  test('is what the verb writes', () => {
    const directory = temporaryDirectory();
    const built = exported(directory);
    const out = join(directory, 'verb.pcapng');
    const options = ['--format', 'pcapng', '--dialect', dialect.name, '--out', out];
    const { exitCode, stderr } = runCli(['export', join(directory, 'a.capture'), ...options]);
    expect(stderr).toMatch(/verb.pcapng: 4 frames, 1 defects, 1 tails, 1 gaps; 2.0 KiB\n$/);
    expect(exitCode).toBe(0);
    expect(readFileSync(out).equals(readFileSync(built))).toBe(true);
    const again = runCli(['export', join(directory, 'a.capture'), ...options]);
    expect(again.exitCode).toBe(2);
    expect(again.stderr).toContain('OUTPUT_EXISTS');
    const nowhere = ['--out', join(directory, 'nowhere', 'a.pcapng')];
    const failed = runCli(['export', join(directory, 'a.capture'), ...nowhere]);
    expect(failed.exitCode).toBe(4);
    expect(failed.stderr).toContain('OUTPUT_UNWRITABLE');
  });

  test('cuts what Wireshark would refuse, and keeps its length', () => {
    const bytes = new Uint8Array(CAPTURED_BYTES_MAX + 1_000);
    const view = viewOf(enhancedPacket({ interface: 0, unixNs: 0n, bytes }));
    expect(view.getUint32(20, true)).toBe(CAPTURED_BYTES_MAX);
    expect(view.getUint32(24, true)).toBe(CAPTURED_BYTES_MAX + 1_000);
  });

  test.skipIf(!isTsharkInstalled && !isTsharkRequired)(
    'shows tshark streams, times to the nanosecond, messages and comments',
    () => {
      const directory = temporaryDirectory();
      const script = join(directory, 'dissector.lua');
      writeFileSync(script, exportSchema('wireshark', dialect));
      const wanted = ['frame.interface_name', 'frame.time_epoch', 'frame.len'];
      wanted.push('torqv2.header.sequence', 'torqv2.tlv.name', 'frame.comment');
      const read = ['-X', `lua_script:${script}`, '-r', exported(directory)];
      const shown = wanted.flatMap((field) => ['-e', field]);
      const { status, stdout } = runTshark([
        ...read,
        '-T',
        'fields',
        '-E',
        'separator=|',
        ...shown,
      ]);
      expect(status).toBe(0);
      const lines = stdout.trim().split('\n');
      expect(lines.slice(0, 3)).toEqual([
        '1 publisher client|1700000000.001000000|100|1|Trade|',
        '1 publisher client|1700000000.001000000|100|2|Trade|',
        '1 publisher old|1700000000.002000000|100|1|Trade|',
      ]);
      expect(lines[3]).toMatch(/^1 publisher old\|1700000000.003000000\|57\|\|\|.+/);
      expect(lines[4]).toBe('1 publisher old|1700000000.003000000|100|2|Trade|');
      expect(lines[5]).toContain('|5000|||gap: 5000 bytes were not recorded (spool-full)');
      expect(lines[6]).toMatch(/^1 publisher client\|1700000000.005000000\|40\|3\|\|.+/);
    },
  );

  test.skipIf(!isTsharkInstalled && !isTsharkRequired)(
    'can be written anew by editcap, and imported as what is left of it',
    () => {
      const directory = temporaryDirectory();
      const anew = join(directory, 'anew.pcapng');
      const { status, stderr } = spawnSync('editcap', [exported(directory), anew]);
      expect([status, String(stderr)]).toEqual([0, '']);
      const out = join(directory, 'anew.capture');
      expect(runCli(['import', anew, '--out', out]).exitCode).toBe(0);
      const reader = openCapture(out);
      expect(reader.connections()).toMatchObject([{ id: 1, label: 'publisher' }]);
      const streams = reader.streams().map(({ kind, bytes, chunks }) => [kind, bytes, chunks]);
      expect(streams).toEqual([
        ['client', 240, 3],
        ['old', 257, 3],
      ]);
      expect(reader.gaps()).toMatchObject([{ stream: 'old', offset: 257, bytes: 5_000 }]);
      reader.close();
    },
  );
});
