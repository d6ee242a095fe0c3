/**
 * The shim with recording off, as a process of its own: the tee of the product with nothing behind its forwarding, or
 * with its mirror behind it (`mirror`). What is left is what the product's own way to forward costs.
 */
import { createServer } from 'node:net';
import { loadBuiltInProtocol } from '../src/protocol/files.ts';
import { DEFAULT_MIRROR_LIMITS, MirrorBudget } from '../src/shim/mirror-queue.ts';
import { DEFAULT_SPOOL_LIMITS, Recorder } from '../src/shim/recorder.ts';
import { Tee } from '../src/shim/sockets.ts';

class NoRecorder extends Recorder {
  override addChunk(): void {}
}

const [listen, old = '', mirror = '', what] = process.argv.slice(2);
const layout = loadBuiltInProtocol().dialect('torq-types').header;
const nothing = (): void => undefined;
const recorder = new NoRecorder(
  { send: nothing },
  {
    layout,
    now: () => 0n,
    limits: DEFAULT_SPOOL_LIMITS,
    onOverload: 'gap',
    onBlocking: nothing,
  },
);
// All that is not forwarding passes here.
const guard = what === 'mirror' ? (observe: () => void): void => observe() : nothing;
const tees: Tee[] = [];

createServer({ allowHalfOpen: true }, (client) => {
  const tee = new Tee(client, {
    id: tees.length + 1,
    label: `client-${tees.length + 1}`,
    relays: { old, new: mirror },
    active: 'old',
    layout,
    mirrorLimits: DEFAULT_MIRROR_LIMITS,
    mirrorBudget: new MirrorBudget(DEFAULT_MIRROR_LIMITS.queueBytesMax),
    mirroring: what === 'mirror' ? 'all' : 'none',
    recorder,
    onTraffic: nothing,
    guard,
    onOver: nothing,
  });
  tees.push(tee);
}).listen(listen);

process.stdin.resume().once('close', () => process.exit());
