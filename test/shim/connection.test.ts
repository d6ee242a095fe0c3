import { describe, expect, it } from 'vitest';
import type { EventKind, StreamKind } from '../../src/capture/types.ts';
import {
  Connection,
  type ConnectionPort,
  type End,
  type EventDetails,
} from '../../src/shim/connection.ts';
import { MirrorBudget, type MirrorGap } from '../../src/shim/mirror-queue.ts';
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
  abandon(to: End): void {
    this.lines.push(`abandon ${to}`);
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
    const code = details['code'] === undefined ? '' : ` ${details['code']}`;
    this.lines.push(`event ${kind} ${stream ?? ''}${code}`);
  }
  recordMirrorGap(gap: MirrorGap): void {
    const { reason, offset, bytes, frames } = gap;
    this.lines.push(`gap ${reason} at ${offset}: ${bytes} bytes, ${frames ?? 'unknown'} frames`);
  }

  /** What was asked for since the last look. */
  take(): readonly string[] {
    const { lines } = this;
    this.lines = [];
    return lines;
  }
}

class Dialogue {
  readonly stage: Stage = new Stage();
  readonly connection: Connection;

  constructor(queueBytesMax: number, budgetBytes: number) {
    this.connection = new Connection(this.stage, {
      active: 'old',
      layout: H3,
      mirrorLimits: { queueBytesMax },
      mirrorBudget: new MirrorBudget(budgetBytes),
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
function newDialogue(queueBytesMax = 250, budgetBytes = 1_000_000): Dialogue {
  const dialogue = new Dialogue(queueBytesMax, budgetBytes);
  dialogue.connection.opened('client');
  dialogue.connection.opened('old');
  dialogue.connection.opened('new');
  dialogue.stage.take();
  return dialogue;
}

describe('a connection through the shim', () => {
  it('reads nothing from the client until the active relay has accepted', () => {
    const { connection, stage } = new Dialogue(250, 1_000);
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
    const dialogue = newDialogue(250);
    const { connection, stage } = dialogue;
    dialogue.reads('client', testFrame(1).subarray(0, 60));
    dialogue.reads('client', concat([testFrame(1).subarray(60), testFrame(2)]));
    expect(dialogue.reads('client', testFrame(3))).toEqual(['write old 100', 'record client 100']);
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap mirror-slow at 200: 100 bytes, 1 frames']);
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
    expect(stage.take()).toEqual(['gap mirror-slow at 200: 200 bytes, 2 frames']);
  });

  it('gives the mirror the rest of a frame that it has begun to get', () => {
    const dialogue = newDialogue(120);
    dialogue.reads('client', testFrame(1).subarray(0, 60));
    dialogue.reads('client', concat([testFrame(1).subarray(60), testFrame(2)]));
    dialogue.connection.mirrorTook();
    expect(dialogue.stage.take()).toEqual(['send 40']);
    dialogue.connection.reportGaps();
    expect(dialogue.stage.take()).toEqual(['gap mirror-slow at 100: 100 bytes, 1 frames']);
  });

  it('resumes the mirror at a frame border, never inside a frame', () => {
    const dialogue = newDialogue(300);
    dialogue.reads('client', concat([testFrame(1), testFrame(2), testFrame(3)]));
    dialogue.reads('client', testFrame(4).subarray(0, 30));
    dialogue.connection.mirrorTook();
    dialogue.stage.take();
    const rest = concat([testFrame(4).subarray(30), testFrame(5).subarray(0, 50)]);
    expect(dialogue.reads('client', rest)).toContain('send 50');
    dialogue.connection.reportGaps();
    expect(dialogue.stage.take()).toEqual(['gap mirror-slow at 300: 100 bytes, 1 frames']);
  });

  it('counts the queues of all connections against one budget', () => {
    const budget = new MirrorBudget(150);
    const stages = [new Stage(), new Stage()];
    const connections = stages.map((stage) => {
      const options = {
        active: 'old',
        layout: H3,
        mirrorLimits: { queueBytesMax: 1_000 },
      } as const;
      return new Connection(stage, { ...options, mirrorBudget: budget });
    });
    for (const connection of connections) connection.observe('client', testFrame(1));
    for (const connection of connections) connection.reportGaps();
    expect(stages[0]?.take()).not.toContain('gap mirror-slow at 0: 100 bytes, 1 frames');
    expect(stages[1]?.take()).toContain('gap mirror-slow at 0: 100 bytes, 1 frames');
  });

  it('accounts for everything that an unreachable mirror never got, what was queued included', () => {
    const dialogue = new Dialogue(250, 1_000);
    const { connection, stage } = dialogue;
    connection.opened('old');
    dialogue.reads('client', testFrame(1));
    connection.unreachable('new', 'ECONNREFUSED');
    expect(stage.take()).toEqual([
      'event upstream-failed new ECONNREFUSED',
      'gap mirror-unreachable at 0: 100 bytes, unknown frames',
    ]);
    dialogue.reads('client', testFrame(2));
    connection.reportGaps();
    connection.reportGaps();
    expect(stage.take()).toEqual(['gap mirror-unreachable at 100: 100 bytes, 1 frames']);
  });

  it('keeps gaps apart when a mirror dies with a gap inside its queue', () => {
    const dialogue = newDialogue(200);
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
      'gap mirror-slow at 200: 100 bytes, 1 frames',
      'gap mirror-closed at 300: 200 bytes, unknown frames',
      'gap mirror-slow at 500: 100 bytes, 1 frames',
      'event close new',
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
    expect(stage.take()).toEqual(['event end new', 'event close new']);
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
    expect(stage.take()).toEqual(['finish new']);
    expect(dialogue.reads('old', testFrame(1))).toEqual(['record old 100']);
  });

  it('closes the client when the active relay cannot be reached, as the relay itself would', () => {
    const { connection, stage } = new Dialogue(250, 1_000);
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
