/**
 * The relay behind every contender, as a process of its own: what it reads it writes to all connections, the sender
 * included, and does nothing else. It ends when its stdin does, so that it cannot outlive the benchmark.
 */
import { createServer, type Socket } from 'node:net';

const sockets = new Set<Socket>();
const [path] = process.argv.slice(2);

createServer({ allowHalfOpen: false }, (socket) => {
  sockets.add(socket);
  socket.on('data', (bytes) => {
    for (const receiver of sockets) {
      // The benchmark counts what comes back: a relay that drops would make it wait, one that queues would grow.
      if (!receiver.write(bytes)) socket.pause();
    }
  });
  socket.on('drain', resumeAll);
  socket.on('error', () => undefined);
  socket.on('close', () => {
    sockets.delete(socket);
    resumeAll();
  });
}).listen(path);

function resumeAll(): void {
  if ([...sockets].some((socket) => socket.writableNeedDrain)) return;
  for (const socket of sockets) socket.resume();
}

process.stdin.resume().once('close', () => process.exit());
