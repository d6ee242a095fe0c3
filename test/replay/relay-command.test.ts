/** The command of the relay under test, cut into words as a shell would, without one. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OperatingError } from '../../src/lib/operating-error.ts';
import { TailBuffer } from '../../src/replay/output-tail.ts';
import { fillPlaces, parseRelayCommand } from '../../src/replay/relay-command.ts';

function mistakeOf(text: string): string {
  try {
    parseRelayCommand(text);
  } catch (error) {
    if (error instanceof OperatingError && error.code === 'USAGE') return error.message;
    throw error;
  }
  return 'none';
}

describe('parseRelayCommand', () => {
  it('takes words, quotes and assignments as a shell does', () => {
    const command = parseRelayCommand(
      `RUST_LOG=debug  A='b c' target/relay --socket {socket} 'it''s' "a \\"b\\" \\n" x\\ y ''`,
    );
    expect(command.environment).toEqual({ RUST_LOG: 'debug', A: 'b c' });
    expect(command.words).toEqual([
      'target/relay',
      '--socket',
      '{socket}',
      'its',
      'a "b" \\n',
      'x y',
      '',
    ]);
  });

  it('agrees with sh about everything that it takes', () => {
    const alphabet = fc.constantFrom(...`ab={} '"\\-/`.split(''), "'x y'", '"x\\"y"');
    const texts = fc.array(alphabet, { maxLength: 12 }).map((parts) => `p${parts.join('')}`);
    const taken: (readonly [string, readonly string[]])[] = [];
    fc.assert(
      fc.property(texts, (text) => {
        if (mistakeOf(text) !== 'none') return;
        const { words, environment } = parseRelayCommand(text);
        if (Object.keys(environment).length === 0) taken.push([text, words]);
      }),
      { numRuns: 300 },
    );
    expect(taken.length).toBeGreaterThan(50);
    // One shell for all of them: each prints its words, each closed by a byte that no word has.
    const script = taken.map(([text]) => `printf '%s\\001' ${text}; printf '\\002'`).join('\n');
    const { stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
    const read = stdout.split('\u0002').slice(0, -1);
    expect(read).toEqual(taken.map(([, words]) => words.map((word) => `${word}\u0001`).join('')));
  });

  it.each([
    ['relay {socket} > log', /has ">" at character 16/],
    ['relay $HOME', /has "\$" at character 7/],
    ['relay "$HOME"', /has "\$" at character 8/],
    ['~/relay {socket}', /has "~" at character 1/],
    [`relay 'open`, /a quote at character 7 that is never closed/],
    ['relay \\', /ends with a backslash/],
    ['  ', /names no program/],
    ['A=b', /names no program/],
  ])('refuses %j with its place', (text, mistake) => {
    expect(mistakeOf(text)).toMatch(mistake);
  });

  it('fills placeholders in after the words are cut, and leaves other braces alone', () => {
    const places = { socket: '/tmp/a b/relay.sock', domain: 'signal', dir: '/tmp/a b' };
    expect(fillPlaces('--listen={socket},{domain},{dir}/x,{sock}', places)).toBe(
      '--listen=/tmp/a b/relay.sock,signal,/tmp/a b/x,{sock}',
    );
  });
});

it('keeps the end of what a process says, however it is cut, without half a character', () => {
  const chunks = fc.array(
    fc.string({ unit: 'grapheme', maxLength: 6 }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(chunks, fc.integer({ min: 4, max: 20 }), (said, bytesMax) => {
      const buffer = new TailBuffer(bytesMax);
      for (const chunk of said) buffer.add(chunk);
      const whole = Buffer.concat(said);
      const { text, bytes } = buffer.tail;
      expect(bytes).toBe(whole.length);
      expect(whole.toString('utf8').endsWith(text)).toBe(true);
      expect(Buffer.byteLength(text)).toBeGreaterThan(Math.min(whole.length, bytesMax) - 4);
    }),
  );
});
