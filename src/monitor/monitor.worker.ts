/**
 * The monitoring thread: serves the health server and writes the status file, so that neither scrapers nor a
 * slow disk take time from the forwarding thread.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { assertNever, defined } from '../lib/assert.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { HealthServer } from './health-server.ts';
import { renderMetrics } from './metrics.ts';
import type { FromMonitor, MonitorThreadOptions, ToMonitor } from './monitor-messages.ts';
import { StatusFile } from './status-file.ts';
import type { Status } from './status.ts';

const port = defined(parentPort, 'parent port of the monitoring thread');

function say(message: FromMonitor): void {
  port.postMessage(message);
}

function tellTrouble(message: string): void {
  say({ kind: 'trouble', message });
}

class MonitorLoop {
  readonly #server: HealthServer | undefined;
  readonly #file: StatusFile | undefined;

  constructor(server: HealthServer | undefined, file: StatusFile | undefined) {
    this.#server = server;
    this.#file = file;
  }

  async receive(message: ToMonitor): Promise<void> {
    switch (message.kind) {
      case 'status':
        await this.#publish(message.status);
        say({ kind: 'taken' });
        return;
      case 'stop':
        await this.#file?.close();
        await this.#server?.close();
        say({ kind: 'stopped' });
        port.close();
        return;
      default:
        assertNever(message, 'message to the monitor');
    }
  }

  async #publish(status: Status): Promise<void> {
    const json = `${JSON.stringify(status)}\n`;
    this.#file?.write(json);
    this.#server?.tell({ status, json, metrics: await renderMetrics(status) });
  }
}

async function start(): Promise<void> {
  const { health, statusFile }: MonitorThreadOptions = workerData;
  const file =
    statusFile === undefined ? undefined : await StatusFile.open(statusFile, tellTrouble);
  const server = health === undefined ? undefined : await HealthServer.start(health, tellTrouble);
  const loop = new MonitorLoop(server, file);
  port.on('message', (message: ToMonitor) => void loop.receive(message));
  say({ kind: 'ready', address: server?.address });
}

try {
  await start();
} catch (error) {
  if (!(error instanceof OperatingError)) throw error;
  say({ kind: 'failed', code: error.code, message: error.message, hint: error.hint });
}
