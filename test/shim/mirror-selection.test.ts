import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FirstSource,
  type MirrorSelection,
  mirroringOf,
  parseMirrorSelection,
} from '../../src/shim/mirror-selection.ts';
import { H2, testFrame } from '../support/frames.ts';

function parsed(text: string): MirrorSelection {
  const selection = parseMirrorSelection(text);
  if (typeof selection === 'string') throw new Error(selection);
  return selection;
}

/** Of the first twelve connections, those that are mirrored. */
function selected(text: string): readonly number[] {
  const selection = parsed(text);
  const ordinals = Array.from({ length: 12 }, (_, index) => index + 1);
  return ordinals.filter((ordinal) => mirroringOf(selection, ordinal) === 'all');
}

describe('the part of the traffic that the mirror sees', () => {
  it('is every so many connections, the first one among them, evenly spread', () => {
    expect(selected('25%')).toEqual([1, 5, 9]);
    expect(selected('50%')).toEqual([1, 3, 5, 7, 9, 11]);
    expect(selected('75%')).toEqual([1, 3, 4, 5, 7, 8, 9, 11, 12]);
    expect(selected('100%')).toHaveLength(12);
  });

  it('is of any number of connections its percentage, to within one connection', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.integer({ min: 1, max: 500 }),
        (part, n) => {
          const selection = parsed(`${part / 100}%`);
          let count = 0;
          for (let ordinal = 1; ordinal <= n; ordinal++) {
            if (mirroringOf(selection, ordinal) === 'all') count += 1;
          }
          expect(Math.abs(count - (n * part) / 10_000)).toBeLessThan(1);
        },
      ),
    );
  });

  it('is the first connections, or those of some numbers', () => {
    expect(selected('first:3')).toEqual([1, 2, 3]);
    expect(selected('1,3,5-8')).toEqual([1, 3, 5, 6, 7, 8]);
  });

  it('is what some sources send, whoever listens', () => {
    expect(mirroringOf(parsed('source:3,4'), 7)).toEqual({ sources: new Set([3, 4]) });
  });

  it.each([
    ['0%', 'Write more than 0% and at most 100%.'],
    ['101%', 'Write more than 0% and at most 100%.'],
    ['first:0', 'Connections are counted from 1.'],
    ['0,2', 'Connections are counted from 1.'],
    ['8-5', '8-5 is empty: write the smaller number first.'],
    ['source:256', 'A source is one byte, 0 to 255, not 256.'],
    ['99999999999999999999', 'is too large'],
    ['half', 'Write a part of the connections: 25%, first:10, 1,3,5-8 or source:3,4.'],
    ['1,,2', 'Write a part of the connections: 25%, first:10, 1,3,5-8 or source:3,4.'],
    ['', 'Write a part of the connections: 25%, first:10, 1,3,5-8 or source:3,4.'],
  ])('cannot be %s, and the message says why', (text, message) => {
    expect(parseMirrorSelection(text)).toContain(message);
  });
});

it('the first source is read from the first header however it is cut, in any header order', () => {
  const frame = testFrame(1, { source: 7, layout: H2 });
  const bytewise = new FirstSource(H2);
  const answers = Array.from(frame.subarray(0, 32), (byte) => bytewise.push(Uint8Array.of(byte)));
  expect(answers.slice(0, 31).every((answer) => answer === undefined)).toBe(true);
  expect(answers[31]).toBe(7);
  expect(new FirstSource(H2).push(frame)).toBe(7);
  expect(new FirstSource(H2).push(new Uint8Array(32))).toBe('none');
});
