import { beforeEach, describe, expect, it } from 'vitest';
import { type EventKind, STREAM_KINDS } from '../../src/capture/types.ts';
import { defined } from '../../src/lib/assert.ts';
import { ConnectionWatch } from '../../src/shim/connection-watch.ts';
import { mirrorStatusOf } from '../../src/shim/status.ts';
import { Troubles } from '../../src/shim/troubles.ts';

let watch: ConnectionWatch;

beforeEach(() => {
  watch = new ConnectionWatch(0);
});

const KINDS: readonly EventKind[] = [
  'open',
  'upstream-open',
  'upstream-failed',
  'end',
  'close',
  'stop',
];

/** `1 open client`: the connection, what happened, on which stream, and why. */
function happen(...events: readonly string[]): void {
  for (const event of events) {
    const [connection, kind, stream, code] = event.split(' ');
    watch.note({
      connection: connection === '-' ? undefined : Number(connection),
      kind: defined(
        KINDS.find((known) => known === kind),
        event,
      ),
      stream: STREAM_KINDS.find((known) => known === stream),
      details: code === undefined ? {} : { code },
    });
  }
}

const JOINED = ['1 open client', '1 upstream-open old', '1 upstream-open new'];

describe('a relay', () => {
  it('is there while a connection to it is open, and nobody needs to knock', () => {
    happen(...JOINED);
    expect(watch.status('new')).toEqual({
      trouble: undefined,
      connected: 1,
      opened: 1,
      reopened: 0,
      failed: 0,
      left: 0,
    });
    expect(watch.isKnockDue('new', 1e9)).toBe(false);
  });

  it('is gone when it refuses, with the reason, until it accepts', () => {
    happen('1 open client', '1 upstream-failed new ECONNREFUSED');
    expect(watch.status('new')).toMatchObject({ failed: 1, connected: 0 });
    expect(watch.status('new').trouble).toContain('ECONNREFUSED');
    expect(watch.status('old').trouble).toBeUndefined();
    happen('2 open client', '2 upstream-open new');
    expect(watch.status('new').trouble).toBeUndefined();
  });

  it('is gone when it ends its last connection under the hands of the client, and not before', () => {
    happen(...JOINED, '2 open client', '2 upstream-open new');
    happen('1 end new', '1 close new');
    expect(watch.status('new')).toMatchObject({ left: 1, connected: 1, trouble: undefined });
    happen('2 close new');
    expect(watch.status('new')).toMatchObject({ left: 2, connected: 0 });
    expect(watch.status('new').trouble).toContain('closed its last connection');
  });

  it('is not gone when it ends what the client has ended, or when the recording ends', () => {
    happen(...JOINED, '1 end client', '1 close old', '1 close new');
    expect(watch.status('old')).toMatchObject({ left: 0, trouble: undefined });
    watch.endConnection(1);
    happen('2 open client', '2 upstream-open old', '- stop', '2 close old');
    expect(watch.status('old')).toMatchObject({ left: 0, connected: 0, trouble: undefined });
  });

  it('that comes back for a client that lost it is counted as connected again', () => {
    happen(...JOINED, '1 close new', '1 upstream-open new');
    expect(watch.status('new')).toMatchObject({ opened: 2, reopened: 1, connected: 1, left: 1 });
  });

  it('is knocked at while it seems gone, when its last connection has ended, and now and then when idle', () => {
    expect(watch.isKnockDue('old', 29_999)).toBe(false);
    expect(watch.isKnockDue('old', 30_000)).toBe(true);
    watch.knocked('old', true, 30_000);
    expect(watch.isKnockDue('old', 59_999)).toBe(false);
    happen(...JOINED, '1 close client', '1 close old');
    expect(watch.isKnockDue('old', 31_000)).toBe(true);
    watch.knocked('old', false, 31_000);
    expect(watch.status('old').trouble).toContain('nobody listens');
    expect(watch.isKnockDue('old', 31_001)).toBe(true);
    watch.knocked('old', true, 36_000);
    expect(watch.status('old').trouble).toBeUndefined();
  });

  it('that accepted a client while somebody knocked in vain is there', () => {
    happen(...JOINED);
    watch.knocked('old', false, 1);
    expect(watch.status('old').trouble).toBeUndefined();
  });
});

describe('clients', () => {
  it('are those that have not closed, whatever the relays still hold', () => {
    happen(...JOINED, '2 open client');
    expect(watch.clients).toBe(2);
    happen('1 end client');
    expect(watch.clients).toBe(2);
    happen('1 close client', '1 close client');
    expect(watch.clients).toBe(1);
    watch.endConnection(1);
    watch.endConnection(2);
    watch.endConnection(2);
    expect(watch.clients).toBe(0);
    expect(watch.status('new').connected).toBe(0);
  });
});

describe('the mirror', () => {
  const budget = { bytes: 300, bytesMax: 1_000, nowMs: 5_000 };

  it('is as far behind as the connection that waits longest', () => {
    const connections = [
      { id: 1, mirrorWaitsSinceMs: 4_900 },
      { id: 2, mirrorWaitsSinceMs: undefined },
      { id: 3, mirrorWaitsSinceMs: 1_500 },
      { id: 4, mirrorWaitsSinceMs: 5_000 },
    ];
    const expected = { queuedBytes: 300, queuedBytesMax: 1_000, lagMs: 3_500, laggard: 3 };
    expect(mirrorStatusOf(budget, connections)).toEqual(expected);
  });

  it('is up to date when nothing waits', () => {
    expect(mirrorStatusOf(budget, [])).toMatchObject({ lagMs: 0, laggard: undefined });
  });
});

describe('troubles', () => {
  it('are told, last until they end, and the last one is remembered', () => {
    const told: string[] = [];
    const troubles = new Troubles((message) => told.push(message));
    troubles.begin('writer', 'disk full');
    troubles.begin('accept', 'no file descriptors');
    troubles.begin('writer', 'disk still full');
    expect(troubles.status.open).toEqual([
      { about: 'writer', message: 'disk still full' },
      { about: 'accept', message: 'no file descriptors' },
    ]);
    troubles.end('writer', 'recording goes on');
    troubles.end('writer', 'recording goes on');
    troubles.end('accept');
    expect(troubles.status).toMatchObject({
      open: [],
      told: 3,
      last: { message: 'disk still full' },
    });
    const messages = ['disk full', 'no file descriptors', 'disk still full', 'recording goes on'];
    expect(told).toEqual(messages);
  });
});
