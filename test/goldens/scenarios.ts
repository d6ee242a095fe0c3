/**
 * What the goldens are recorded from: who is connected to which relay, and who does what after whom. Every write waits until
 * both relays have read it and everybody has what they passed on, so that a scenario gives the same capture on any
 * machine, but for its times. The bytes come from the client models; no I/O here.
 */
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import type { Dialect } from '../../src/protocol/types.ts';
import { burstPublisherScript } from '../../src/simulate/clients/burst-publisher.ts';
import { IDENTIFICATION_FRAME, collectorScript } from '../../src/simulate/clients/collector.ts';
import { executionPublisherScript } from '../../src/simulate/clients/execution-publisher.ts';
import { orderBookPublisherScript } from '../../src/simulate/clients/order-book-publisher.ts';
import { signalPublisherScript } from '../../src/simulate/clients/signal-publisher.ts';
import { wrongDomainPublisherScript } from '../../src/simulate/clients/wrong-domain-publisher.ts';
import type { RelayDomainName } from '../../src/simulate/relay-core.ts';
import type { ScriptOptions, Write } from '../../src/simulate/traffic.ts';

export type StageStep =
  | { readonly kind: 'open'; readonly client: string; readonly reads?: boolean }
  | { readonly kind: 'write'; readonly client: string; readonly bytes: Uint8Array }
  /** Sends nothing more, and reads on. */
  | { readonly kind: 'finish'; readonly client: string }
  | { readonly kind: 'close'; readonly client: string }
  /** A client that did not read begins to, and reads until nothing comes any more. */
  | { readonly kind: 'read'; readonly client: string };

export interface GoldenScenario {
  readonly name: string;
  readonly title: string;
  readonly summary: string;
  readonly domain: RelayDomainName;
  readonly dialect: Dialect;
  /** Slots of the broadcast rings; undefined: as many as the real relays have. */
  readonly capacity?: number;
  readonly steps: readonly StageStep[];
  readonly replays: readonly ScenarioReplay[];
  readonly rules?: string;
}

const protocol = loadBuiltInProtocol();
const codec = protocol.dialect('torq-codec');
const types = protocol.dialect('torq-types');

/** 2025-08-24, in ns: recorded at no particular time. */
const RECORDED_AT_NS = 1_756_000_000_000_000_000n;

function script(dialect: Dialect, seed: number, count: number): ScriptOptions {
  return { dialect, seed, count, ratePerSecond: 100, clock: () => RECORDED_AT_NS };
}

function open(...clients: readonly string[]): readonly StageStep[] {
  return clients.map((client) => ({ kind: 'open', client }));
}

function identify(client: string): readonly StageStep[] {
  return [
    { kind: 'open', client },
    { kind: 'write', client, bytes: IDENTIFICATION_FRAME },
  ];
}

/** What several clients write, one after the other in the order in which it is due. */
function writes(scripts: Readonly<Record<string, Iterable<Write>>>): readonly StageStep[] {
  return Object.entries(scripts)
    .flatMap(([client, each]) => [...each].map((write) => ({ client, ...write })))
    .sort((left, right) => left.afterMs - right.afterMs)
    .map(({ client, bytes }) => ({ kind: 'write', client, bytes }));
}

/** One way of playing a golden. `shows`: what the generic relay does in it. */
export interface ScenarioReplay {
  readonly words: string;
  /**
   * - `as-captured`: what the capture shows.     - `same`: what the original one does.
   * - `measured`: what it is seen to do, the same each time.
   * - `undefined`: at `max`, what falls into one read depends on the machine.
   */
  readonly shows: 'as-captured' | 'same' | 'measured' | 'undefined';
}

function replay(words: string, shows: ScenarioReplay['shows'] = 'as-captured'): ScenarioReplay {
  return { words, shows };
}

const cleanMarketData: GoldenScenario = {
  name: 'clean-market-data',
  title: 'Clean market data',
  summary:
    'Two collectors, one frame a write, all of the market-data domain, and two dashboards that listen. Nothing about which two relays may disagree: whoever breaks this golden has broken the relay.',
  domain: 'market_data',
  dialect: codec,
  steps: [
    ...open('dashboard-1', 'dashboard-2'),
    ...identify('collector-1'),
    ...identify('collector-2'),
    ...writes({
      'collector-1': collectorScript(script(codec, 101, 60)),
      'collector-2': collectorScript(script(codec, 102, 60)),
    }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('max:recorded'),
    replay('causal:frame'),
    replay('causal:split:7', 'measured'),
  ],
};

const burst: GoldenScenario = {
  name: 'burst-coalesced-writes',
  title: 'Bursts: several frames in one write',
  summary:
    'A publisher with a buffer hands over two to six frames in each write. A relay that takes what one read returns for one message must still pass on all of them, byte for byte and in order.',
  domain: 'market_data',
  dialect: codec,
  steps: [
    ...open('dashboard-1', 'dashboard-2', 'burst-publisher'),
    ...writes({
      'burst-publisher': burstPublisherScript({ ...script(codec, 201, 120), crossingEvery: 0 }),
    }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('causal:frame'),
    replay('causal:coalesced'),
    replay('max:recorded'),
    replay('causal:split:11', 'measured'),
  ],
};

const split: GoldenScenario = {
  name: 'split-writes',
  title: 'Frames that cross from one write into the next',
  summary:
    'Every second burst ends inside a frame: behind its header, inside its header, or inside the second of three frames; the rest comes in the next write. The original relay passes on what it reads. The generic one wants every read to begin with a header of its domain, and loses what does not. Cut into whole frames, the same bytes lose nothing.',
  domain: 'market_data',
  dialect: codec,
  steps: [
    ...open('dashboard-1', 'dashboard-2', 'burst-publisher'),
    ...writes({
      'burst-publisher': burstPublisherScript({ ...script(codec, 301, 90), crossingEvery: 2 }),
    }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('causal:frame', 'same'),
    replay('max:recorded', 'undefined'),
    replay('causal:split:29', 'measured'),
  ],
};

const wrongDomain: GoldenScenario = {
  name: 'wrong-domain',
  title: 'Signals at the market-data relay',
  summary:
    'A strategy publishes its signals at the market-data relay, now alone, now in front of two good frames in one write; a collector publishes good frames beside it. The original relay looks at nothing. The generic one drops each read that begins with a signal, and with it the good frames behind.',
  domain: 'market_data',
  dialect: codec,
  steps: [
    ...open('dashboard', 'strategy'),
    ...identify('collector'),
    ...writes({
      collector: collectorScript(script(codec, 401, 60)),
      strategy: wrongDomainPublisherScript(script(codec, 402, 40)),
    }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('max:recorded', 'undefined'),
    replay('causal:frame', 'measured'),
    replay('causal:split:5', 'measured'),
  ],
};

const numbering: GoldenScenario = {
  name: 'types-numbered-domains',
  title: 'Domains numbered as in libs/types, at relays that count as libs/codec does',
  summary:
    'A collector of the newest tree: market data is domain 0 there, and 1 for the generic relays. Only its identification frame, which has always said 1, gets through the generic relay.',
  domain: 'market_data',
  dialect: types,
  steps: [
    ...open('dashboard-1', 'dashboard-2'),
    ...identify('collector'),
    ...writes({ collector: collectorScript(script(types, 501, 60)) }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('causal:frame'),
    replay('max:recorded', 'undefined'),
    replay('causal:split:3', 'measured'),
  ],
};

const orderBooks: GoldenScenario = {
  name: 'order-books',
  title: 'Order books over 2 KiB',
  summary:
    'Whole order books of 2,493 bytes, too long for the buffers of the hot path and in an extended TLV, among trades and quotes. A relay with a buffer that is too small cuts them.',
  domain: 'market_data',
  dialect: codec,
  steps: [
    ...open('dashboard', 'book-publisher'),
    ...identify('collector'),
    ...writes({
      collector: collectorScript(script(codec, 601, 20)),
      'book-publisher': orderBookPublisherScript(script(codec, 602, 20)),
    }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('max:recorded'),
    replay('causal:frame'),
    replay('causal:split:13', 'measured'),
  ],
};

const SILENCE =
  'The original relay takes everything and never sends a byte: its promise is silence. The generic one passes on what it gets, and every message of it is one that nobody got before.';

const signals: GoldenScenario = {
  name: 'signals',
  title: 'Signals at the signal relay',
  summary: `A strategy publishes arbitrage signals, a dashboard and an executor listen. ${SILENCE}`,
  domain: 'signal',
  dialect: codec,
  steps: [
    ...open('dashboard', 'executor', 'strategy'),
    ...writes({ strategy: signalPublisherScript(script(codec, 701, 30)) }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('max:recorded'),
    replay('causal:frame'),
    replay('causal:split:17', 'measured'),
  ],
};

const execution: GoldenScenario = {
  name: 'execution',
  title: 'Orders and fills at the execution relay',
  summary: `An execution engine publishes orders, what became of them, and fills; a dashboard and a risk monitor listen. ${SILENCE}`,
  domain: 'execution',
  dialect: codec,
  steps: [
    ...open('dashboard', 'risk-monitor', 'execution-engine'),
    ...writes({ 'execution-engine': executionPublisherScript(script(codec, 801, 45)) }),
  ],
  replays: [
    replay('causal:recorded'),
    replay('max:recorded'),
    replay('causal:frame'),
    replay('causal:split:19', 'measured'),
  ],
};

const slowConsumer: GoldenScenario = {
  name: 'slow-consumer',
  title: 'A slow consumer, and what it loses to lag',
  summary:
    'A dashboard connects and does not read, while a collector publishes more than the sockets and the ring of the old relay hold; then it reads. The relay has dropped the oldest of what waited for it. The rings had 32 slots for this recording instead of 16,384, so that a small capture shows it. A replay reads at once, so its slow dashboard gets everything: the rule in rules.yaml says so, and takes nothing but that.',
  domain: 'market_data',
  dialect: codec,
  capacity: 32,
  steps: [
    ...open('dashboard'),
    { kind: 'open', client: 'slow-dashboard', reads: false },
    ...identify('collector'),
    ...writes({ collector: collectorScript(script(codec, 901, 1_100)) }),
    { kind: 'read', client: 'slow-dashboard' },
    ...writes({ collector: collectorScript(script(codec, 902, 20)) }),
  ],
  replays: [replay('causal:recorded'), replay('max:recorded', 'undefined')],
  rules: `# A replay reads at once: what the slow dashboard of the recording lost to the full ring of the old relay reaches it there.
rules:
  - id: slow-dashboard-lagged
    reason: 'the recorded dashboard did not read and lost what the ring could not hold; a replay reads at once and loses nothing'
    action: ignore
    where: { kind: extra, connection: slow-dashboard, cause: broadcast-lag }
`,
};

function* sessions(): Generator<StageStep> {
  const first = [...collectorScript(script(codec, 1_001, 40))];
  const second = [...collectorScript(script(codec, 1_002, 40))];
  const visit = function* (
    client: string,
    visited: readonly Write[],
    beside: readonly Write[],
  ): Generator<StageStep> {
    yield* identify(client);
    yield* writes({ [client]: visited, 'collector-2': beside });
    yield { kind: 'close', client };
  };
  yield* open('dashboard');
  yield* identify('collector-2');
  yield* visit('collector-1', first.slice(0, 10), second.slice(0, 10));
  yield* writes({ 'collector-2': second.slice(10, 15) });
  yield* visit('collector-1 again', first.slice(10, 20), second.slice(15, 20));
  yield* visit('collector-1, third time', first.slice(20, 30), second.slice(20, 30));
  yield* identify('collector-3');
  yield* writes({ 'collector-3': first.slice(30, 40) });
  yield { kind: 'finish', client: 'collector-3' };
  yield* writes({ 'collector-2': second.slice(30, 40) });
}

const reconnects: GoldenScenario = {
  name: 'identification-and-reconnects',
  title: 'Identification frames, and collectors that come back',
  summary:
    'Every collector begins with the fixed identification frame of 32 bytes. One leaves and comes back twice, while another goes on; a third stops sending and goes on reading. Nobody may miss or hear twice what was said while all this happened.',
  domain: 'market_data',
  dialect: codec,
  steps: [...sessions()],
  replays: [
    replay('causal:recorded'),
    replay('causal:frame'),
    replay('causal:split:23', 'measured'),
  ],
};

export const GOLDEN_SCENARIOS: readonly GoldenScenario[] = [
  cleanMarketData,
  burst,
  split,
  wrongDomain,
  numbering,
  orderBooks,
  signals,
  execution,
  slowConsumer,
  reconnects,
];
