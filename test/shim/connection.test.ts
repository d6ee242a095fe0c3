import { describe, expect, it } from 'vitest';
import { Backoff } from '../../src/shim/backoff.ts';
import type { EventKind, StreamKind } from '../../src/capture/types.ts';
import { Connection } from '../../src/shim/connection.ts';
import type { ConnectionPort, End, EventDetails } from '../../src/shim/connection-port.ts';
import { MirrorBudget, type MirrorGap, PIECE_COST_BYTES } from '../../src/shim/mirror-queue.ts';
import type { Mirroring } from '../../src/shim/mirror-selection.ts';
import { readHeader } from '../../src/wire/header.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

/** Writes down what the machine asks for, as the lines of a dialogue. */
class Stage implements ConnectionPort {
  lines: string[] = [];
  readonly full = new Set<End>();

  write(to: End, bytes: Uint8Array): boolean {
    this.lines.push(`write ${to} ${bytes.length}`);
    return !this.full.has(to);
  }
  send(piece: Uint8Array): void {
    this.lines.push(`send ${piece.length}`);
  }
  end(to: End): void {
    this.lines.push(`end ${to}`);
  }
  finish(to: End): void {
    this.lines.push(`finish ${to}`);
  }
  leaveMirror(): void {
    this.lines.push('leave mirror');
  }
  abandon(to: End): void {
    this.lines.push(`abandon ${to}`);
  }
  reconnectMirror(delayMs: number): void {
    this.lines.push(`reconnect in ${delayMs} ms`);
  }
  cancelReconnect(): void {
    this.lines.push('cancel reconnect');
  }
  pause(from: End): void {
    this.lines.push(`pause ${from}`);
  }
  resume(from: End): void {
    this.lines.push(`resume ${from}`);
  }
  recordChunk(stream: StreamKind, bytes: Uint8Array): void {
    this.lines.push(`record ${stream} ${bytes.length}`);
  }
  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void {
    const words = Object.entries(details).map(([key, value]) =>
      key === 'code' ? ` ${value}` : ` ${key}=${value}`,
    );
    this.lines.push(`event ${kind} ${stream ?? ''}${words.join('')}`);
  }
  recordMirrorGap(gap: MirrorGap): void {
    const { reason, offset, bytes, frames } = gap;
    const names = [gap.firstHeader, gap.lastHeader].map(
      (header) => header && readHeader(H3, header).sequence,
    );
    const which = frames === 0 ? '' : ` ${names.join('..')}`;
    this.lines.push(`gap ${reason} at ${offset}: ${bytes} bytes, ${frames} frames${which}`);
  }

  /** What was asked for since the last look. */
  take(): readonly string[] {
    const { lines } = this;
    this.lines = [];
    return lines;
  }
}

interface Scene {
  readonly queueBytesMax?: number;
  readonly mirroring?: Mirroring;
}

/** Two frames of 100 bytes fit, in chunks of their own. */
const QUEUE_BYTES = 2 * (100 + PIECE_COST_BYTES) + 50;
const NEARLY_ONE = 0.999_999;

class Dialogue {
  readonly stage: Stage = new Stage();
  readonly connection: Connection;
  nowMs = 0;

  constructor({ queueBytesMax = QUEUE_BYTES, mirroring = 'all' }: Scene = {}) {
    this.connection = new Connection(this.stage, {
      active: 'old',
      layout: H3,
      mirrorLimits: { queueBytesMax },
      mirrorBudget: new MirrorBudget(1_000_000),
      mirroring,
      nowMs: () => this.nowMs,
      random: () => 0,
      guard: (work) => work(),
    });
  }

  /** Bytes that were read, handled as the sockets do it. */
  reads(from: End, bytes: Uint8Array): readonly string[] {
    this.connection.forward(from, bytes);
    this.connection.observe(from, bytes);
    return this.stage.take();
  }
}

/** Both relays have accepted. */
function newDialogue(scene?: Scene): Dialogue {
  const dialogue = new Dialogue(scene);
  dialogue.connection.opened('client');
  dialogue.connection.opened('old');
  dialogue.connection.opened('new');
  dialogue.stage.take();
  return dialogue;
}

describe('a connection through the shim', () => {
  it('reads nothing from the client until the active relay has accepted', () => {
    const { connection, stage } = new Dialogue();
    connection.opened('client');
    expect(stage.take()).toEqual(['pause client', 'event open client']);
    connection.opened('new');
    expect(stage.take()).toEqual(['event upstream-open new']);
    connection.opened('old');
    expect(stage.take()).toEqual(['event upstream-open old', 'resume client']);
  });

  it('serves the active relay first, then the mirror, then the recorder', () => {
    const dialogue = newDialogue();
    expect(dialogue.reads('client', testFrame(1))).toEqual([
      'write old 100',
      'send 100',
      'record client 100',
    ]);
  });

  it('gives the client what the active relay says, and only records the mirror', () => {
    const dialogue = newDialogue();
    expect(dialogue.reads('old', testFrame(1))).toEqual(['write client 100', 'record old 100']);
    expect(dialogue.reads('new', testFrame(1))).toEqual(['record new 100']);
  });

  it('passes back-pressure on between client and active relay, in both directions', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    stage.full.add('old');
    expect(dialogue.reads('client', testFrame(1))).toContain('pause client');
    connection.drained('old');
    expect(stage.take()).toEqual(['resume client']);
    stage.full.add('client');
    expect(dialogue.reads('old', testFrame(2))).toContain('pause old');
    connection.drained('client');
    expect(stage.take()).toEqual(['resume old']);
  });

  it('sends the mirror one piece at a time, in order, and never holds anybody back for it', () => {
    const dialogue = newDialogue();
    dialogue.reads('client', testFrame(1));
    expect(dialogue.reads('client', testFrame(2))).toEqual(['write old 100', 'record client 100']);
    dialogue.connection.mirrorTook();
    expect(dialogue.stage.take()).toEqual(['send 100']);
    dialogue.connection.drained('new');
    expect(dialogue.stage.take()).toEqual([]);
  });

  it('leaves whole frames out when the mirror is slow, and says which bytes', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    dialogue.reads('client', testFrame(1).subarray(0, 60));
    dialogue.reads('client', concat([testFrame(1).subarray(60), testFrame(2)]));
    expect(dialogue.reads('client', testFrame(3))).toEqual(['write old 100', 'record client 100']);
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap mirror-slow at 200: 100 bytes, 1 frames 3..3']);
    dialogue.reads('client', testFrame(4));
    connection.mirrorTook();
    connection.mirrorTook();
    stage.take();
    expect(dialogue.reads('client', testFrame(5))).toEqual([
      'write old 100',
      'send 100',
      'record client 100',
    ]);
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap mirror-slow at 200: 200 bytes, 2 frames 3..4']);
  });

  it('gives the mirror the rest of a frame that it has begun to get', () => {
    const dialogue = newDialogue({ queueBytesMax: 60 + PIECE_COST_BYTES });
    dialogue.reads('client', testFrame(1).subarray(0, 60));
    dialogue.reads('client', concat([testFrame(1).subarray(60), testFrame(2)]));
    dialogue.connection.mirrorTook();
    expect(dialogue.stage.take()).toEqual(['send 40']);
    dialogue.connection.reportGaps();
    expect(dialogue.stage.take()).toEqual(['gap mirror-slow at 100: 100 bytes, 1 frames 2..2']);
  });

  it('resumes the mirror at a frame border, never inside a frame', () => {
    const dialogue = newDialogue({ queueBytesMax: 300 + PIECE_COST_BYTES });
    dialogue.reads('client', concat([testFrame(1), testFrame(2), testFrame(3)]));
    dialogue.reads('client', testFrame(4).subarray(0, 30));
    dialogue.connection.mirrorTook();
    dialogue.stage.take();
    const rest = concat([testFrame(4).subarray(30), testFrame(5).subarray(0, 50)]);
    expect(dialogue.reads('client', rest)).toContain('send 50');
    dialogue.connection.reportGaps();
    expect(dialogue.stage.take()).toEqual(['gap mirror-slow at 300: 100 bytes, 1 frames 4..4']);
  });

  it('counts the queues of all connections against one budget', () => {
    const budget = new MirrorBudget(150 + PIECE_COST_BYTES);
    const stages = [new Stage(), new Stage()];
    const connections = stages.map(
      (stage) =>
        new Connection(stage, {
          active: 'old',
          layout: H3,
          mirrorLimits: { queueBytesMax: 10_000 },
          mirrorBudget: budget,
          mirroring: 'all',
          nowMs: () => 0,
          random: () => NEARLY_ONE,
          guard: (work) => work(),
        }),
    );
    for (const connection of connections) connection.observe('client', testFrame(1));
    for (const connection of connections) connection.reportGaps();
    expect(stages[0]?.take()).not.toContain('gap mirror-slow at 0: 100 bytes, 1 frames 1..1');
    expect(stages[1]?.take()).toContain('gap mirror-slow at 0: 100 bytes, 1 frames 1..1');
  });

  it('accounts for everything that an unreachable mirror never got, what was queued included', () => {
    const dialogue = new Dialogue();
    const { connection, stage } = dialogue;
    connection.opened('old');
    dialogue.reads('client', testFrame(1));
    connection.unreachable('new', 'ECONNREFUSED');
    expect(stage.take()).toEqual([
      'event upstream-failed new ECONNREFUSED',
      'gap mirror-unreachable at 0: 100 bytes, 1 frames 1..1',
      'reconnect in 100 ms',
    ]);
    dialogue.reads('client', testFrame(2));
    connection.reportGaps();
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap mirror-unreachable at 0: 200 bytes, 2 frames 1..2']);
  });

  it('keeps gaps apart when a mirror dies with a gap inside its queue', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    dialogue.reads('client', testFrame(1));
    dialogue.reads('client', testFrame(2));
    dialogue.reads('client', testFrame(3));
    connection.mirrorTook();
    connection.mirrorTook();
    dialogue.reads('client', testFrame(4));
    dialogue.reads('client', testFrame(5));
    dialogue.reads('client', testFrame(6));
    stage.take();
    connection.closed('new');
    expect(stage.take()).toEqual([
      'event close new',
      'gap mirror-slow at 200: 100 bytes, 1 frames 3..3',
      'gap mirror-closed at 300: 200 bytes, 2 frames 4..5',
      'gap mirror-slow at 500: 100 bytes, 1 frames 6..6',
      'reconnect in 100 ms',
    ]);
  });

  it('passes a half-close on to both relays, to the mirror after what waits for it', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    dialogue.reads('client', testFrame(1));
    connection.ended('client');
    expect(stage.take()).toEqual(['end old', 'event end client']);
    connection.mirrorTook();
    expect(stage.take()).toEqual(['end new']);
    expect(dialogue.reads('old', testFrame(1))).toEqual(['write client 100', 'record old 100']);
  });

  it('passes the end of the active relay on to the client, and keeps the end of the mirror to itself', () => {
    const { connection, stage } = newDialogue();
    connection.ended('new');
    connection.closed('new');
    expect(stage.take()).toEqual(['event end new', 'event close new', 'reconnect in 100 ms']);
    connection.ended('old');
    connection.closed('old');
    expect(stage.take()).toEqual([
      'end client',
      'event end old',
      'finish client',
      'event close old',
    ]);
  });

  it('closes both relays when the client is gone, and does not wait for ever for the mirror', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    dialogue.reads('client', testFrame(1));
    connection.closed('client');
    expect(stage.take()).toEqual(['finish old', 'abandon new', 'event close client']);
    connection.mirrorTook();
    expect(stage.take()).toEqual(['leave mirror']);
    expect(dialogue.reads('old', testFrame(1))).toEqual(['record old 100']);
  });

  it('closes the client when the active relay cannot be reached, as the relay itself would', () => {
    const { connection, stage } = new Dialogue();
    stage.take();
    connection.unreachable('old', 'ENOENT');
    expect(stage.take()).toEqual(['event upstream-failed old ENOENT', 'finish client']);
  });

  it('is over when all three ends are closed', () => {
    const { connection } = newDialogue();
    connection.closed('client');
    connection.closed('old');
    expect(connection.isOver).toBe(false);
    connection.closed('new');
    expect(connection.isOver).toBe(true);
  });
});

describe('a mirror that goes away', () => {
  it('is connected again for as long as the client lives, each time after a longer while', () => {
    const { connection, stage } = newDialogue();
    connection.closed('new');
    expect(stage.take()).toEqual(['event close new', 'reconnect in 100 ms']);
    connection.unreachable('new', 'ECONNREFUSED');
    expect(stage.take()).toEqual(['event upstream-failed new ECONNREFUSED', 'reconnect in 200 ms']);
    const delays = Array.from({ length: 7 }, () => {
      connection.unreachable('new', 'ECONNREFUSED');
      return stage.take();
    });
    // Told once, however often it fails in the same way.
    expect(delays).toEqual(
      [400, 800, 1_600, 3_200, 5_000, 5_000, 5_000].map((ms) => [`reconnect in ${ms} ms`]),
    );
    connection.closed('client');
    expect(stage.take()).toEqual(['finish old', 'cancel reconnect', 'event close client']);
    connection.closed('old');
    expect(connection.isOver).toBe(true);
    stage.take();
    connection.unreachable('new', 'ECANCELED');
    expect(stage.take()).toEqual([]);
  });

  it('is not knocked at by all connections at once: chance takes up to a quarter off each delay', () => {
    const numbers = [0.5, NEARLY_ONE];
    const backoff = new Backoff(() => numbers.shift() ?? 0);
    expect([backoff.delayMs(), backoff.delayMs(), backoff.delayMs()]).toEqual([88, 150, 400]);
    backoff.reset();
    expect(backoff.delayMs()).toBe(100);
  });

  it('is sent nothing while it is away, and goes on at a frame border in a life of its own', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    dialogue.reads('client', testFrame(1));
    connection.mirrorTook();
    expect(dialogue.reads('client', testFrame(2).subarray(0, 70))).toContain('send 70');
    connection.mirrorTook();
    dialogue.reads('new', testFrame(1));
    dialogue.reads('new', testFrame(2).subarray(0, 50));
    connection.closed('new');
    expect(stage.take()).toEqual(['event close new', 'reconnect in 100 ms']);
    expect(dialogue.reads('client', testFrame(2).subarray(70))).toEqual([
      'write old 30',
      'record client 30',
    ]);
    dialogue.reads('client', testFrame(3));
    dialogue.reads('client', testFrame(4).subarray(0, 20));
    dialogue.nowMs = 340;
    connection.opened('new');
    expect(stage.take()).toEqual([
      'event upstream-open new life=2 downMs=340 attempts=1 offset=150',
    ]);
    const rest = concat([testFrame(4).subarray(20), testFrame(5)]);
    expect(dialogue.reads('client', rest)).toEqual([
      'write old 180',
      'send 100',
      'record client 180',
    ]);
    connection.reportGaps();
    // Frame 2 is no whole frame of the gap: its beginning was sent.
    expect(stage.take()).toEqual(['gap mirror-closed at 170: 230 bytes, 2 frames 3..4']);
    expect(dialogue.reads('new', testFrame(5))).toEqual(['record new 100']);
  });

  it('counts as away from the start when it was refused at first, and its first life is life 1', () => {
    const dialogue = new Dialogue();
    const { connection, stage } = dialogue;
    connection.opened('old');
    connection.unreachable('new', 'ENOENT');
    dialogue.reads('client', testFrame(1));
    stage.take();
    dialogue.nowMs = 90;
    connection.opened('new');
    expect(stage.take()).toEqual(['event upstream-open new life=1 downMs=90 attempts=1']);
    expect(dialogue.reads('client', testFrame(2))).toContain('send 100');
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap mirror-unreachable at 0: 100 bytes, 1 frames 1..1']);
  });

  it('is tried at once again only after a life of five seconds, so that a relay that kicks is not hammered', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    const dies = (): readonly string[] => {
      connection.closed('new');
      const lines = stage.take();
      connection.opened('new');
      stage.take();
      return lines;
    };
    expect(dies()).toContain('reconnect in 100 ms');
    expect(dies()).toContain('reconnect in 200 ms');
    dialogue.nowMs = 4_999;
    expect(dies()).toContain('reconnect in 400 ms');
    dialogue.nowMs += 5_000;
    expect(dies()).toContain('reconnect in 100 ms');
  });

  it('is told again that the client has finished sending, and may answer that by leaving for good', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    connection.ended('client');
    stage.take();
    dialogue.nowMs = 60_000;
    connection.closed('new');
    expect(stage.take()).toContain('reconnect in 100 ms');
    connection.opened('new');
    expect(stage.take()).toEqual([
      'event upstream-open new life=2 downMs=0 attempts=1 offset=0',
      'end new',
    ]);
    dialogue.nowMs += 999;
    connection.closed('new');
    expect(stage.take()).toEqual(['event close new']);
    expect(connection.hasMirror).toBe(false);
  });

  it('is left alone when the recording ends, and when the active relay has gone', () => {
    const ending = newDialogue();
    ending.connection.closed('new');
    ending.stage.take();
    ending.connection.stopReconnecting();
    expect(ending.stage.take()).toEqual(['cancel reconnect']);
    const left = newDialogue();
    left.connection.closed('old');
    left.stage.take();
    left.connection.closed('new');
    expect(left.stage.take()).toEqual(['event close new']);
  });
});

describe('a connection of which the mirror is to see a part', () => {
  it('opens no connection to the mirror when it is not selected, and accounts for all its bytes', () => {
    const dialogue = new Dialogue({ mirroring: 'none' });
    const { connection, stage } = dialogue;
    expect(connection.hasMirror).toBe(false);
    connection.opened('client');
    connection.opened('old');
    expect(stage.take()).toEqual([
      'pause client',
      'event open client',
      'event note new mirror=not-selected',
      'event upstream-open old',
      'resume client',
    ]);
    expect(dialogue.reads('client', testFrame(1))).toEqual(['write old 100', 'record client 100']);
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap not-selected at 0: 100 bytes, 1 frames 1..1']);
    connection.closed('client');
    connection.closed('old');
    expect(connection.isOver).toBe(true);
  });

  const sources = { mirroring: { sources: new Set([4]) } };

  it('waits for the first header, however it is cut, and then sends all of a source that is selected', () => {
    const dialogue = newDialogue(sources);
    const frame = testFrame(1, { source: 4 });
    for (let at = 0; at < 31; at++) {
      expect(dialogue.reads('client', frame.subarray(at, at + 1))).not.toContain('send 1');
    }
    // Each byte is a piece of its own; the pieces that waited follow as the mirror takes them.
    expect(dialogue.reads('client', frame.subarray(31, 32))).toContain('send 1');
    dialogue.connection.reportGaps();
    expect(dialogue.stage.take()).toEqual([]);
  });

  it('only listens to the mirror for any other source, in all its lives', () => {
    const dialogue = newDialogue(sources);
    const { connection, stage } = dialogue;
    const frame = testFrame(1, { source: 9 });
    dialogue.reads('client', frame.subarray(0, 10));
    expect(dialogue.reads('client', frame.subarray(10))).toEqual([
      'write old 90',
      'event note new mirror=withheld source=9',
      'record client 90',
    ]);
    expect(dialogue.reads('new', testFrame(7))).toEqual(['record new 100']);
    connection.closed('new');
    connection.opened('new');
    stage.take();
    expect(dialogue.reads('client', testFrame(2, { source: 4 }))).not.toContain('send 100');
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap not-selected at 0: 200 bytes, 2 frames 1..2']);
  });

  it('withholds what does not begin with a header, and what is too short to say', () => {
    const garbage = newDialogue(sources);
    expect(garbage.reads('client', new Uint8Array(40))).toContain(
      'event note new mirror=withheld source=none',
    );
    const short = newDialogue(sources);
    short.reads('client', testFrame(1).subarray(0, 20));
    short.connection.ended('client');
    expect(short.stage.take()).toEqual([
      'end old',
      'event note new mirror=withheld source=none',
      'event end client',
      'end new',
    ]);
    short.connection.reportGaps();
    expect(short.stage.take()).toEqual(['gap not-selected at 0: 20 bytes, 0 frames']);
  });
});

describe('a spool that is full, where the operator wants to wait', () => {
  it('stops reading from everybody, whatever else they wait for, and lets all of them go on together', () => {
    const dialogue = newDialogue();
    const { connection, stage } = dialogue;
    stage.full.add('old');
    dialogue.reads('client', testFrame(1));
    connection.holdAll();
    expect(stage.take()).toEqual(['pause old', 'pause new']);
    connection.drained('old');
    expect(stage.take()).toEqual([]);
    connection.closed('new');
    stage.take();
    connection.opened('new');
    expect(stage.take()).toContain('pause new');
    connection.releaseAll();
    expect(stage.take()).toEqual(['resume client', 'resume old', 'resume new']);
  });
});
