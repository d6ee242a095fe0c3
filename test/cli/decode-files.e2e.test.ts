/** `decode --file-format`: files of pools from the command line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import { vectors } from '../protocol/vectors.ts';
import { runCli } from '../support/processes.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';

const snapshot = vectors.files.find(({ decoded }) => decoded.header !== undefined)!;

describe('decode --file-format', () => {
  it('reads a pool cache, its records as the golden file has them', () => {
    const file = join(temporaryDirectory(), 'chain_137_pool_cache.tlv');
    writeFileSync(file, fromHex(snapshot.hex));
    const { exitCode, stdout } = runCli(['decode', '--file-format', 'auto', '--json', file]);
    expect(exitCode).toBe(0);
    const parts = stdout
      .trimEnd()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(parts).toMatchObject([
      { file: 'PoolCache', part: 'header', fields: snapshot.decoded.header, checksum: 'valid' },
      ...snapshot.decoded.records.map((fields) => ({ file: 'PoolCache', part: 'record', fields })),
    ]);
    // The services number venues as libs/types does: 202 is Polygon.
    const shown = runCli(['decode', '--file-format', 'auto', '--hex', '-'], snapshot.hex).stdout;
    expect(shown).toMatch(/^header at 0, 64 bytes: .*magic POOL \(504f4f4c\) \(valid\)$/m);
    expect(shown).toMatch(/^#1 at 152, 88 bytes: .*venue Polygon \(202\).*QuickSwapV2 \(3\)/m);
  });

  it('shows what is wrong, in its place', () => {
    const cut = snapshot.hex.slice(0, 2 * (64 + 88 + 5));
    const { exitCode, stdout } = runCli(['decode', '--file-format', 'auto', '--hex', '-'], cut);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('at 152, 5 bytes  DEFECT truncated-record: PoolInfoTLV has 88 bytes');
    expect(stdout).toContain('at 157, 0 bytes  DEFECT missing-records: 2 records are counted, 1');
  });

  it('says of other bytes what speaks against each file, and suggests names', () => {
    const other = runCli(['decode', '--file-format', 'auto', '-'], 'what is this?');
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toMatch(/PythonPoolCache: .* 24 bytes, 13 are there.*FILE_UNRECOGNIZED/s);
    const misspelt = runCli(['decode', '--file-format', 'PoolCach', '-'], '');
    expect(misspelt.exitCode).toBe(2);
    expect(misspelt.stderr).toContain('did you mean "PoolCache"?');
    const both = runCli(['decode', '--file-format', 'auto', '--remarks', '-'], '');
    expect(both).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('--remarks is for'),
    });
  });
});
