/**
 * The health server: HTTP around `answers`, with a limit on everything that a peer can make it keep. It runs
 * in a thread of its own, so that no number of requests takes time from the forwarding thread.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { OperatingError, systemErrorCode, reasonOf } from '../lib/operating-error.ts';
import { type Answer, answer, refuseMethod, type Told } from './answers.ts';
import { formatAddress, type HealthAddress } from './health-address.ts';
import { METRICS_CONTENT_TYPE } from './metrics.ts';

/** docs/ARCHITECTURE.md lists them. */
const CONNECTIONS_MAX = 32;
const REQUESTS_A_CONNECTION_MAX = 1_000;
const HEADER_BYTES_MAX = 8_192;
const REQUEST_MS_MAX = 5_000;
/** Also how long a peer may leave an answer unread. */
const IDLE_MS_MAX = 10_000;
const KEEP_ALIVE_MS = 5_000;

export class HealthServer {
  readonly #server: Server;
  #told: Told | undefined;
  #toldMs = 0;

  private constructor() {
    this.#server = createServer(
      {
        maxHeaderSize: HEADER_BYTES_MAX,
        headersTimeout: REQUEST_MS_MAX,
        requestTimeout: REQUEST_MS_MAX,
        keepAliveTimeout: KEEP_ALIVE_MS,
        connectionsCheckingInterval: 1_000,
      },
      (request, response) => this.#respond(request, response),
    );
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.maxRequestsPerSocket = REQUESTS_A_CONNECTION_MAX;
    this.#server.timeout = IDLE_MS_MAX;
    this.#server.on('clientError', refuse);
  }

  /** Throws LISTEN_IN_USE or LISTEN_FAILED. `onTrouble` hears what goes wrong later. */
  static async start(
    address: HealthAddress,
    onTrouble: (message: string) => void,
  ): Promise<HealthServer> {
    const health = new HealthServer();
    await health.#listen(address);
    health.#server.on('error', (error) => onTrouble(`the health server: ${error.message}`));
    return health;
  }

  /** Where it listens; the port is known now if any was asked for. */
  get address(): HealthAddress {
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null
      ? { host: bound.address, port: bound.port }
      : { host: '', port: 0 };
  }

  tell(told: Told): void {
    this.#told = told;
    this.#toldMs = performance.now();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #listen(address: HealthAddress): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: address.host, port: address.port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    }).catch((error: unknown) => {
      throw notListening(formatAddress(address), error);
    });
  }

  #respond(request: IncomingMessage, response: ServerResponse): void {
    const { method, url = '' } = request;
    const path = url.split('?', 1)[0] ?? '';
    const isAllowed = method === 'GET' || method === 'HEAD';
    const silentMs = performance.now() - this.#toldMs;
    send(response, isAllowed ? answer(path, this.#told, silentMs) : refuseMethod());
  }
}

/** Node leaves the body of an answer to HEAD out by itself. */
function send(response: ServerResponse, { code, type, body }: Answer): void {
  if (code === 405) response.setHeader('Allow', 'GET, HEAD');
  response.writeHead(code, {
    'Content-Type': type === 'metrics' ? METRICS_CONTENT_TYPE : type,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  });
  response.end(body);
}

/** What is no request: one line, and the end of the connection. */
function refuse(error: Error, socket: Pick<Socket, 'writable' | 'end' | 'destroy'>): void {
  const code = systemErrorCode(error);
  const line =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  if (socket.writable && code !== 'ECONNRESET') {
    socket.end(`HTTP/1.1 ${line}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  } else {
    socket.destroy();
  }
}

function notListening(where: string, error: unknown): OperatingError {
  const code = systemErrorCode(error);
  if (code === 'EADDRINUSE') {
    return new OperatingError('LISTEN_IN_USE', `somebody is listening at ${where}`, {
      hint: 'Choose another port for --health, or stop the program that listens there.',
      cause: error,
    });
  }
  return new OperatingError('LISTEN_FAILED', `cannot listen at ${where}: ${reasonOf(error)}`, {
    hint: 'Choose an address of this machine and a port above 1023 for --health.',
    cause: error,
  });
}
