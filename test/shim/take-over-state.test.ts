/** Every combination of names that a killed recorder, a restarted relay or people can leave beside a path. */
import { describe, expect, it } from 'vitest';
import { connectedAt } from '../../src/shim/earlier-clients.ts';
import { judgeLeftOvers, type LeftOvers } from '../../src/shim/take-over-state.ts';

const KILLED: LeftOvers = {
  path: 'dead',
  side: 'listening',
  own: 'dead',
  pathIsOwn: true,
  pathIsSide: false,
};

describe('what is to be done with what was left over', () => {
  it('puts the relay back when the path leads to the killed recorder, whether or not the relay lives', () => {
    expect(judgeLeftOvers(KILLED)).toEqual({ kind: 'put-back', relayLives: true });
    expect(judgeLeftOvers({ ...KILLED, side: 'dead' })).toEqual({
      kind: 'put-back',
      relayLives: false,
    });
  });

  it('calls it lost when the relay is not where it was put', () => {
    expect(judgeLeftOvers({ ...KILLED, side: 'absent' })).toEqual({ kind: 'lost' });
  });

  it('only tidies when the kill came before the path was taken, or after it was given back', () => {
    const before = { ...KILLED, path: 'listening', pathIsOwn: false, pathIsSide: true } as const;
    expect(judgeLeftOvers(before)).toEqual({ kind: 'tidy', removeSide: true });
    const after = { ...KILLED, path: 'listening', pathIsOwn: false, side: 'absent' } as const;
    expect(judgeLeftOvers(after)).toEqual({ kind: 'tidy', removeSide: false });
  });

  it('leaves the path of a relay that was restarted, and removes the socket of its former life', () => {
    for (const path of ['listening', 'dead', 'absent', 'other'] as const) {
      const facts = { ...KILLED, path, pathIsOwn: false, side: 'dead' } as const;
      expect(judgeLeftOvers(facts)).toEqual({ kind: 'tidy', removeSide: true });
    }
  });

  it('puts a living relay back where nobody is, and asks people where somebody is', () => {
    const kindFor = (path: LeftOvers['path']): string =>
      judgeLeftOvers({ ...KILLED, path, pathIsOwn: false }).kind;
    const paths = ['absent', 'dead', 'listening', 'other'] as const;
    expect(paths.map(kindFor)).toEqual(['put-back', 'put-back', 'unclear', 'unclear']);
  });

  it('touches nothing when a name is used for something else', () => {
    expect(judgeLeftOvers({ ...KILLED, side: 'other' }).kind).toBe('unclear');
    for (const own of ['other', 'absent'] as const) {
      for (const side of ['listening', 'dead'] as const) {
        const facts = { ...KILLED, path: 'dead', side, own, pathIsOwn: false } as const;
        expect(judgeLeftOvers(facts).kind).toBe('unclear');
      }
    }
  });
});

describe('the clients that a relay has already', () => {
  const table = [
    'Num       RefCount Protocol Flags    Type St Inode Path',
    '00000000f3b0e961: 00000003 00000000 00000000 0001 03 465277',
    '00000000f3b0e962: 00000002 00000000 00010000 0001 01 465278 /run/a b.sock',
    '00000000f3b0e963: 00000003 00000000 00000000 0001 03  1279 /run/a b.sock',
    '00000000f3b0e964: 00000003 00000000 00000000 0001 03 465280 /run/a b.sock',
    '00000000f3b0e965: 00000003 00000000 00000000 0001 03 465281 /run/other.sock',
  ].join('\n');

  it('are the connected sockets of the listener at the path', () => {
    expect(connectedAt(table, '/run/a b.sock')).toBe(2);
  });

  it('are unknown when no listener is known by the path', () => {
    expect(connectedAt(table, '/run/other.sock')).toBe(undefined);
    expect(connectedAt('', '/run/a b.sock')).toBe(undefined);
  });
});
