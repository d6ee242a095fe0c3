/** `relaydiff encode`: the way back from what decode and messages print. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { concat, testFrame } from '../support/frames.ts';
import { runCli } from '../support/processes.ts';
import { vectors } from '../protocol/vectors.ts';

const dialects = [...new Set(vectors.valid.map(({ dialect }) => dialect))];

function decoded(bytes: Uint8Array, ...args: string[]): string {
  return runCli(['decode', '--json', ...args, '-'], bytes).stdout;
}

/** What encode makes of the lines, as hex without breaks. */
function encoded(lines: string, ...args: string[]): string {
  const { stdout, stderr } = runCli(['encode', '--hex', ...args], lines);
  expect(stderr).toBe('');
  return stdout.replaceAll('\n', '');
}

describe('decode | encode', () => {
  it('knows every dialect', () => {
    expect(dialects).toHaveLength(8);
  });

  it.each(dialects)('gives the bytes of every vector of %s again', (dialect) => {
    const own = vectors.valid.filter((each) => each.dialect === dialect && each.reencodesExactly);
    expect(own.length).toBeGreaterThan(0);
    const bytes = concat(own.map(({ hex }) => fromHex(hex)));
    expect(encoded(decoded(bytes, '--dialect', dialect), '--dialect', dialect)).toBe(toHex(bytes));
  });

  it('gives what is no frame, and what no TLV could be read from, again', () => {
    const brokenTlv = testFrame(2);
    brokenTlv[33] = 200;
    const badReserved = testFrame(3, { payload: fromHex('0101aaff0702') });
    const bytes = concat([
      testFrame(1, { checksum: 'zero' }),
      brokenTlv,
      badReserved,
      Buffer.from('noise'),
      testFrame(4),
      testFrame(5).subarray(0, 40),
    ]);
    const lines = decoded(bytes);
    expect(lines.match(/"defect"/g)?.length).toBe(4);
    expect(encoded(lines)).toBe(toHex(bytes));
    expect(runCli(['encode', '-'], lines).stdout).toContain('noise');
  });

  it('computes the checksum of an edited message anew, and as it is told', () => {
    const line = decoded(testFrame(1));
    const edited = line.replace('"relay_domain":1', '"relay_domain":2');
    const stateOf = (text: string, ...args: string[]): unknown =>
      JSON.parse(decoded(fromHex(encoded(text, ...args)))).checksum;
    expect(edited).not.toBe(line);
    expect(stateOf(edited)).toBe('valid');
    expect(stateOf(edited.replace('"checksum":"valid"', '"checksum":"wrong"'))).toBe('wrong');
    expect(stateOf(edited, '--checksum', 'zero')).toBe('zero');
    const zero = decoded(testFrame(1, { checksum: 'zero' }));
    expect([stateOf(zero), stateOf(zero, '--checksum', 'valid')]).toEqual(['zero', 'valid']);
  });
});

it('names the line and the field of what is no message', () => {
  const line = decoded(testFrame(1));
  const wrong = line.replace('"source":4', '"source":400');
  const { stdout, stderr, exitCode } = runCli(['encode', '--hex'], `${line}\n${wrong}`);
  expect(stderr).toMatch(/^relaydiff: standard input:3: header\.source: 400 does not fit u8 /);
  expect(stderr).toContain('[MESSAGE_INVALID]');
  expect([stdout, exitCode]).toEqual(['', 2]);
});
