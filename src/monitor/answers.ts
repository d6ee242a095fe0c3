/**
 * What the health server answers, as values: the four paths of Torq's own services, with the same keys. Pure.
 * `/metrics` is Prometheus text where theirs is JSON, because that is what scrapers read.
 */
import type { Status } from './status.ts';

export interface Answer {
  readonly code: 200 | 404 | 405 | 503;
  readonly type: 'application/json' | 'text/plain; charset=utf-8' | 'metrics';
  readonly body: string;
}

/** What the server has to tell; replaced with each status. */
export interface Told {
  readonly status: Status;
  readonly json: string;
  readonly metrics: string;
}

/** The forwarding thread reports once a second; when it has been silent for this long, something is wrong. */
export const SILENCE_MS_MAX = 5_000;

export const PATHS = ['/health', '/ready', '/metrics', '/status'] as const;

/** `told` is undefined before the recording runs; `silentMs` is the age of it. */
export function answer(path: string, told: Told | undefined, silentMs: number): Answer {
  switch (path) {
    case '/health':
      return health(told, silentMs);
    case '/ready':
      return ready(told, silentMs);
    case '/metrics':
      return told === undefined ? starting() : { code: 200, type: 'metrics', body: told.metrics };
    case '/status':
      return told === undefined
        ? starting()
        : { code: 200, type: 'application/json', body: told.json };
    default:
      return { code: 404, type: TEXT, body: `not found; there are ${PATHS.join(' ')}\n` };
  }
}

export function refuseMethod(): Answer {
  return { code: 405, type: TEXT, body: 'method not allowed; GET and HEAD are\n' };
}

const TEXT = 'text/plain; charset=utf-8';
const SERVICE = 'relaydiff';

/** Whether the process is alive. While it starts it is. */
function health(told: Told | undefined, silentMs: number): Answer {
  if (told !== undefined && silentMs > SILENCE_MS_MAX) {
    return json(503, { status: 'unhealthy', service: SERVICE, errors: [silence(silentMs)] });
  }
  const uptimeSeconds = Math.floor(told?.status.uptimeSeconds ?? 0);
  return json(200, { status: 'healthy', service: SERVICE, uptime_seconds: uptimeSeconds });
}

/** Whether clients should be sent here: listening, both relays there, recording. */
function ready(told: Told | undefined, silentMs: number): Answer {
  if (told === undefined) return starting();
  const reasons = told.status.problems.map(({ reason, detail }) => `${reason}: ${detail}`);
  if (silentMs > SILENCE_MS_MAX) reasons.push(silence(silentMs));
  if (reasons.length === 0) {
    const warnings = told.status.warnings.map(({ reason, detail }) => `${reason}: ${detail}`);
    return json(200, { status: 'ready', service: SERVICE, warnings });
  }
  return json(503, {
    status: 'not ready',
    service: SERVICE,
    current_status: told.status.state,
    reasons,
  });
}

function starting(): Answer {
  return json(503, {
    status: 'not ready',
    service: SERVICE,
    current_status: 'starting',
    reasons: ['starting: the recording does not run yet'],
  });
}

function silence(silentMs: number): string {
  return `silent: the forwarding thread has not reported for ${Math.round(silentMs / 1_000)} s`;
}

function json(code: Answer['code'], value: unknown): Answer {
  return { code, type: 'application/json', body: `${JSON.stringify(value)}\n` };
}
