/** Real requests to a real server. */
import { connect, type Socket } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answer, SILENCE_MS_MAX, type Told } from '../../src/monitor/answers.ts';
import { HealthServer } from '../../src/monitor/health-server.ts';
import { until } from '../support/processes.ts';
import { liveStatus, lossyStatus, relay, statusOf } from './sample.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };

function told(live = liveStatus()): Told {
  const status = statusOf(live);
  return { status, json: `${JSON.stringify(status)}\n`, metrics: 'a_metric 1\n' };
}

async function startServer(): Promise<{ server: HealthServer; url: string; port: number }> {
  const server = await HealthServer.start(LOCAL, () => undefined);
  onTestFinished(async () => server.close());
  const { port } = server.address;
  return { server, url: `http://127.0.0.1:${port}`, port };
}

/** Sends bytes that need not be HTTP, and reads what comes until the server closes. */
async function sendRaw(port: number, bytes: string): Promise<string> {
  const socket = connectTo(port);
  socket.write(bytes);
  let received = '';
  socket.setEncoding('utf8').on('data', (text: string) => {
    received += text;
  });
  await once(socket, 'close');
  return received;
}

function connectTo(port: number): Socket {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  onTestFinished(() => {
    socket.destroy();
  });
  return socket;
}

describe('the answers', () => {
  const codes = (live: Told | undefined, silentMs = 0): readonly number[] =>
    ['/health', '/ready', '/metrics', '/status'].map((path) => answer(path, live, silentMs).code);

  it('are those of a process that is alive and not ready while it starts', () => {
    expect(codes(undefined)).toEqual([200, 503, 503, 503]);
    expect(answer('/ready', undefined, 0).body).toContain('starting');
  });

  it('are ready with warnings when something was lost, and not ready with the reason otherwise', () => {
    expect(codes(told(lossyStatus()))).toEqual([200, 200, 200, 200]);
    expect(answer('/ready', told(lossyStatus()), 0).body).toContain('mirror-gap: 2.0 KiB');
    const away = told(
      liveStatus({ relays: { old: { ...relay(1), trouble: 'it left' }, new: relay(1) } }),
    );
    expect(codes(away)).toEqual([200, 503, 200, 200]);
    expect(JSON.parse(answer('/ready', away, 0).body)).toEqual({
      status: 'not ready',
      service: 'relaydiff',
      current_status: 'not-ready',
      reasons: ['old-unreachable: it left'],
    });
  });

  it('are those of a sick process when the forwarding thread is silent', () => {
    expect(codes(told(), SILENCE_MS_MAX + 1)).toEqual([503, 503, 200, 200]);
    expect(answer('/health', told(), 7_000).body).toContain('has not reported for 7 s');
  });
});

describe('the health server', () => {
  it('serves the four paths with their types, to GET and HEAD only', async () => {
    const { server, url } = await startServer();
    expect((await fetch(`${url}/ready`)).status).toBe(503);
    server.tell(told());
    const metrics = await fetch(`${url}/metrics?x=1`);
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await metrics.text()).toBe('a_metric 1\n');
    const status = await fetch(`${url}/status`);
    expect(status.headers.get('content-type')).toBe('application/json');
    expect(await status.json()).toMatchObject({ format: 'relaydiff-status/1', connections: 17 });
    const head = await fetch(`${url}/ready`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
      const refused = await fetch(`${url}/ready`, { method });
      expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    }
    const lost = await fetch(`${url}/nothing`);
    expect([lost.status, await lost.text()]).toEqual([404, expect.stringContaining('/metrics')]);
  });

  it('survives what is no request, and tells why it hangs up', async () => {
    const { url, port } = await startServer();
    expect(await sendRaw(port, 'no request\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    const long = `GET / HTTP/1.1\r\nx: ${'x'.repeat(9_000)}\r\n\r\n`;
    expect(await sendRaw(port, long)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await sendRaw(port, '\u0000'.repeat(100))).toMatch(/^HTTP\/1\.1 400 /);
    connectTo(port).resetAndDestroy();
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  it('cuts off who is too slow to ask', async () => {
    const { port } = await startServer();
    expect(await sendRaw(port, 'GET /health HTTP/1.1\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('takes no more than 32 connections, and serves again when one has gone', async () => {
    const { url, port } = await startServer();
    const sockets = Array.from({ length: 32 }, () => connectTo(port));
    await Promise.all(sockets.map(async (socket) => once(socket, 'connect')));
    await expect(fetch(`${url}/health`)).rejects.toThrow();
    for (const socket of sockets) socket.destroy();
    await until(async () => {
      const response = await fetch(`${url}/health`).catch(() => undefined);
      return response?.status === 200;
    });
  });

  it('says where it cannot listen, and why', async () => {
    const { port } = await startServer();
    const start = async (host: string, at: number): Promise<HealthServer> =>
      HealthServer.start({ host, port: at }, () => undefined);
    await expect(start('127.0.0.1', port)).rejects.toMatchObject({
      code: 'LISTEN_IN_USE',
      message: `somebody is listening at 127.0.0.1:${port}`,
    });
    await expect(start('192.0.2.1', 0)).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });
});
