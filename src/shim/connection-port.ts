/** What the state machine of a connection asks for; whoever has the sockets carries it out. */
import type { EventKind, Side, StreamKind } from '../capture/types.ts';
import type { FrameBorders } from '../wire/frame-borders.ts';
import type { MirrorGap } from './mirror-queue.ts';

/** An end of the tee: the client's socket, or the socket to the relay of a side. */
export type End = 'client' | Side;

export interface ConnectionPort {
  /** Answers whether the end takes more at once. */
  write(to: End, bytes: Uint8Array): boolean;
  /** Writes one piece to the mirror; `mirrorTook` must follow when its socket took it, and only then. */
  send(piece: Uint8Array): void;
  /** Half-close after what is queued: the peer reads the end, and may go on sending. */
  end(to: End): void;
  /** Close both directions after what is queued. */
  finish(to: End): void;
  /** Close the mirror after what is queued, and after what it has said until now is read. */
  leaveMirror(): void;
  /** Close both directions, whether or not all is written, unless the end closes by itself soon. */
  abandon(to: End): void;
  /** Connect to the mirror again after a while: `opened` or `unreachable` must follow. */
  reconnectMirror(delayMs: number): void;
  /** What was asked for is not wanted any more. */
  cancelReconnect(): void;
  /** Stop or go on reading from an end. */
  pause(from: End): void;
  resume(from: End): void;
  /** `borders`: of this stream, with this chunk as the last one. */
  recordChunk(stream: StreamKind, bytes: Uint8Array, borders: FrameBorders): void;
  recordEvent(kind: EventKind, stream: StreamKind | undefined, details: EventDetails): void;
  recordMirrorGap(gap: MirrorGap): void;
}

export type EventDetails = Readonly<Record<string, string | number>>;
