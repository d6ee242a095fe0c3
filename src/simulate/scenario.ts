/**
 * The casts of clients that demo and tests play, as data, and the player that brings a cast on stage: all
 * connected before the first one speaks, all on one anchor.
 */
import { performance } from 'node:perf_hooks';
import { loadBuiltInProtocol } from '../protocol/files.ts';
import type { Dialect } from '../protocol/types.ts';
import { connectClient, sleep } from './client.ts';
import type { ClientModel, ClientResult, ConnectedClient } from './client.ts';
import { burstPublisherScript } from './clients/burst-publisher.ts';
import { IDENTIFICATION_FRAME, collectorScript } from './clients/collector.ts';
import { dashboard } from './clients/dashboard.ts';
import { orderBookPublisherScript } from './clients/order-book-publisher.ts';
import { wrongDomainPublisherScript } from './clients/wrong-domain-publisher.ts';
import type { Clock, Write } from './traffic.ts';

export interface ScenarioClient extends ClientModel {
  readonly label: string;
  readonly script: Iterable<Write>;
}

export interface ScenarioOptions {
  /** Default torq-codec: only with its numbers do good frames pass the generic relay. */
  readonly dialect?: Dialect;
  readonly seed: number;
  readonly clock?: Clock;
}

/**
 * The traffic of the demo: two dashboards, a collector, a burst publisher whose frames cross writes, an
 * order-book publisher, and a signal publisher on the wrong relay. The windows keep the publishers out of
 * each other's way, so that every divergence has one cause.
 */
export function demoScenario(
  options: ScenarioOptions & { readonly durationMs: number },
): readonly ScenarioClient[] {
  const { seed } = options;
  const common = { ...options, dialect: options.dialect ?? codecDialect() };
  return [
    { label: 'dashboard-1', ...dashboard() },
    { label: 'dashboard-2', ...dashboard() },
    {
      label: 'collector',
      identification: IDENTIFICATION_FRAME,
      script: collectorScript({
        ...common,
        seed: seed + 1,
        ratePerSecond: 100,
        window: { fromMs: 0, toMs: 50 },
      }),
    },
    {
      label: 'order-book-publisher',
      script: orderBookPublisherScript({
        ...common,
        seed: seed + 2,
        ratePerSecond: 5,
        window: { fromMs: 54, toMs: 55 },
      }),
    },
    {
      label: 'wrong-domain-publisher',
      script: wrongDomainPublisherScript({
        ...common,
        seed: seed + 3,
        ratePerSecond: 3,
        window: { fromMs: 60, toMs: 61 },
      }),
    },
    {
      label: 'burst-publisher',
      script: burstPublisherScript({
        ...common,
        seed: seed + 4,
        ratePerSecond: 30,
        window: { fromMs: 66, toMs: 70 },
      }),
    },
  ];
}

/**
 * Three clients, two of which publish exactly `messages` messages (the identification is one of them), each
 * whole within one write: nothing about which the two relays may disagree. About 4,000 messages a second.
 */
export function agreeingScenario(
  options: ScenarioOptions & { readonly messages: number },
): readonly ScenarioClient[] {
  const { seed, messages } = options;
  const common = { ...options, dialect: options.dialect ?? codecDialect() };
  const collected = Math.floor(messages / 2);
  return [
    { label: 'dashboard', ...dashboard() },
    {
      label: 'collector',
      identification: IDENTIFICATION_FRAME,
      script: collectorScript({
        ...common,
        seed: seed + 1,
        ratePerSecond: 2_000,
        count: collected - 1,
      }),
    },
    {
      label: 'burst-publisher',
      script: burstPublisherScript({
        ...common,
        seed: seed + 2,
        ratePerSecond: 2_000,
        count: messages - collected,
        crossingEvery: 0,
      }),
    },
  ];
}

function codecDialect(): Dialect {
  return loadBuiltInProtocol().dialect('torq-codec');
}

export interface PlayOptions {
  readonly socketPath: string;
  readonly clients: readonly ScenarioClient[];
  /** Ends all clients at once. */
  readonly signal?: AbortSignal;
  readonly onReceived?: (label: string, bytes: Uint8Array) => void;
  /** Between the last connection and the first script: a relay says nothing when a client is in. */
  readonly settleMs?: number;
}

const SETTLE_MS = 200;

/**
 * Connects the clients one after the other, plays their scripts, and ends those that stay when all others
 * are done and have heard everything. Results by label. When one fails, all end, and its error is thrown.
 */
export async function playScenario(
  options: PlayOptions,
): Promise<ReadonlyMap<string, ClientResult>> {
  const { socketPath, clients, onReceived, settleMs = SETTLE_MS } = options;
  const curtain = new AbortController();
  const signals = [curtain.signal, ...(options.signal === undefined ? [] : [options.signal])];
  const signal = AbortSignal.any(signals);
  const results = new Map<string, ClientResult>();
  try {
    const cast: { readonly model: ScenarioClient; readonly client: ConnectedClient }[] = [];
    for (const model of clients) {
      const client = await connectClient({
        ...model,
        socketPath,
        signal,
        onReceived: (bytes) => onReceived?.(model.label, bytes),
      });
      cast.push({ model, client });
    }
    await sleep(settleMs, signal);
    const anchorMs = performance.now();
    let publishing = clients.filter(({ stays }) => stays !== true).length;
    const plays = cast.map(async ({ model, client }) => {
      results.set(model.label, await client.play(anchorMs));
      if (model.stays === true) return;
      publishing -= 1;
      if (publishing === 0) curtain.abort();
    });
    await Promise.all(plays);
  } finally {
    curtain.abort();
  }
  return results;
}
