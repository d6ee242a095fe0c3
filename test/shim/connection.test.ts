import { describe, expect, it } from 'vitest';
import type { EventKind, StreamKind } from '../../src/capture/types.ts';
import {
  Connection,
  type ConnectionPort,
  type End,
  type EventDetails,
} from '../../src/shim/connection.ts';
import type { MirrorGap } from '../../src/shim/mirror-gate.ts';
import { concat, H3, testFrame } from '../support/frames.ts';

/** Writes down what the machine asks for, as the lines of a dialogue. */
class Stage implements ConnectionPort {
  lines: string[] = [];
  readonly full = new Set<End>();
  readonly queued: Record<End, number> = { client: 0, old: 0, new: 0 };
  readonly unsent: Record<End, number> = { client: 0, old: 0, new: 0 };

  write(to: End, bytes: Uint8Array): boolean {
    this.lines.push(`write ${to} ${bytes.length}`);
    return !this.full.has(to);
  }
  queuedBytes(to: End): number {
    return this.queued[to];
  }
  unsentBytes(to: End): number {
    return this.unsent[to];
  }
  end(to: End): void {
    this.lines.push(`end ${to}`);
  }
  finish(to: End): void {
    this.lines.push(`finish ${to}`);
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
  recordMirrorGap(gap: Readonly<MirrorGap>): void {
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

function newConnection(queueBytesMax = 250): { connection: Connection; stage: Stage } {
  const stage = new Stage();
  const options = { active: 'old', layout: H3, mirrorLimits: { queueBytesMax } } as const;
  return { connection: new Connection(stage, options), stage };
}

describe('a connection through the shim', () => {
  it('serves the active relay first, then the mirror, then the recorder', () => {
    const { connection, stage } = newConnection();
    connection.received('client', testFrame(1));
    expect(stage.take()).toEqual(['write old 100', 'write new 100', 'record client 100']);
  });

  it('gives the client what the active relay says, and only records the mirror', () => {
    const { connection, stage } = newConnection();
    connection.received('old', testFrame(1));
    connection.received('new', testFrame(1));
    expect(stage.take()).toEqual(['write client 100', 'record old 100', 'record new 100']);
  });

  it('passes back-pressure on between client and active relay, in both directions', () => {
    const { connection, stage } = newConnection();
    stage.full.add('old');
    connection.received('client', testFrame(1));
    expect(stage.take()).toContain('pause client');
    connection.drained('old');
    expect(stage.take()).toEqual(['resume client']);
    stage.full.add('client');
    connection.received('old', testFrame(2));
    expect(stage.take()).toContain('pause old');
    connection.drained('client');
    expect(stage.take()).toEqual(['resume old']);
  });

  it('never holds anybody back for the mirror', () => {
    const { connection, stage } = newConnection();
    stage.full.add('new');
    connection.received('client', testFrame(1));
    connection.received('new', testFrame(1));
    connection.drained('new');
    expect(stage.take().filter((line) => /pause|resume/.test(line))).toEqual([]);
  });

  it('leaves whole frames out when the mirror is slow, and says which bytes', () => {
    const { connection, stage } = newConnection(250);
    connection.received('client', testFrame(1).subarray(0, 60));
    stage.queued.new = 240;
    connection.received('client', concat([testFrame(1).subarray(60), testFrame(2)]));
    expect(stage.take()).toContain('write new 40');
    connection.received('client', testFrame(3));
    expect(stage.take()).toEqual(['write old 100', 'record client 100']);
    connection.reportGap();
    expect(stage.take()).toEqual(['gap mirror-slow at 100: 200 bytes, 2 frames']);
    stage.queued.new = 100;
    connection.received('client', testFrame(4));
    expect(stage.take()).toEqual([
      'write old 100',
      'write new 100',
      'record client 100',
      'gap mirror-slow at 100: 200 bytes, 2 frames',
    ]);
  });

  it('resumes the mirror at a frame border, never inside a frame', () => {
    const { connection, stage } = newConnection(250);
    stage.queued.new = 1_000;
    connection.received('client', testFrame(1).subarray(0, 30));
    stage.queued.new = 0;
    connection.received(
      'client',
      concat([testFrame(1).subarray(30), testFrame(2).subarray(0, 50)]),
    );
    expect(stage.take()).toEqual([
      'write old 30',
      'record client 30',
      'write old 120',
      'write new 50',
      'record client 120',
      'gap mirror-slow at 0: 100 bytes, 1 frames',
    ]);
  });

  it('accounts for everything that an unreachable mirror never got, what was queued included', () => {
    const { connection, stage } = newConnection();
    connection.received('client', testFrame(1));
    stage.unsent.new = 100;
    connection.unreachable('new', 'ECONNREFUSED');
    connection.received('client', testFrame(2));
    connection.reportGap();
    expect(stage.take()).toEqual([
      'write old 100',
      'write new 100',
      'record client 100',
      'event upstream-failed new ECONNREFUSED',
      'write old 100',
      'record client 100',
      'gap mirror-unreachable at 0: 200 bytes, unknown frames',
    ]);
  });

  it('reports a gap only when it has grown', () => {
    const { connection, stage } = newConnection();
    connection.closed('new');
    connection.received('client', testFrame(1));
    stage.take();
    connection.reportGap();
    connection.reportGap();
    expect(stage.take()).toEqual(['gap mirror-closed at 0: 100 bytes, 1 frames']);
  });

  it('passes a half-close on to both relays, and goes on forwarding their answers', () => {
    const { connection, stage } = newConnection();
    connection.ended('client');
    connection.received('old', testFrame(1));
    expect(stage.take()).toEqual([
      'event end client',
      'end old',
      'end new',
      'write client 100',
      'record old 100',
    ]);
  });

  it('passes the end of the active relay on to the client, and keeps the end of the mirror to itself', () => {
    const { connection, stage } = newConnection();
    connection.ended('new');
    connection.closed('new');
    expect(stage.take()).toEqual(['event end new', 'event close new']);
    connection.ended('old');
    connection.closed('old');
    expect(stage.take()).toEqual([
      'event end old',
      'end client',
      'event close old',
      'finish client',
    ]);
  });

  it('closes both relays when the client is gone, after what was queued', () => {
    const { connection, stage } = newConnection();
    connection.closed('client');
    expect(stage.take()).toEqual(['event close client', 'finish old', 'finish new']);
    connection.received('old', testFrame(1));
    expect(stage.take()).toEqual(['record old 100']);
  });

  it('closes the client when the active relay cannot be reached, as the relay itself would', () => {
    const { connection, stage } = newConnection();
    connection.unreachable('old', 'ENOENT');
    expect(stage.take()).toEqual(['event upstream-failed old ENOENT', 'finish client']);
  });

  it('is over when all three ends are closed', () => {
    const { connection } = newConnection();
    connection.closed('client');
    connection.closed('old');
    expect(connection.isOver).toBe(false);
    connection.closed('new');
    expect(connection.isOver).toBe(true);
  });
});
