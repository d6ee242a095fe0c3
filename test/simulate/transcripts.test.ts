/** The reference relays do what the real relay programs did: every recorded case, over real sockets. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromHex } from '../../src/lib/bytes.ts';
import type { RelayDomainName, RelayKind } from '../../src/simulate/relay-core.ts';
import { delivered, enter, relayForTest, writeAlone } from './support.ts';

interface Transcript {
  readonly relay: RelayDomainName;
  readonly implementation: RelayKind;
  readonly case: string;
  readonly events: readonly {
    readonly client: string;
    readonly what: 'sent' | 'received';
    readonly hex: string;
  }[];
}

const CLIENTS = ['publisher', 'consumer-1', 'consumer-2'] as const;

const transcripts: readonly Transcript[] = readFileSync(
  new URL('../fixtures/transcripts/relay-transcripts.ndjson', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

test('the fixture holds every recorded case', () => {
  expect(transcripts).toHaveLength(32);
});

test.each(transcripts)('$implementation $relay relay: $case', async (transcript) => {
  const relay = await relayForTest({ kind: transcript.implementation, domain: transcript.relay });
  const publisher = await enter(relay);
  const clients = [publisher, await enter(relay), await enter(relay)];
  const sent = transcript.events.filter(({ what }) => what === 'sent');
  expect(sent.map(({ client }) => client)).toEqual(sent.map(() => 'publisher'));

  // One read a row: the recorded pauses only saw to that.
  for (const { hex } of sent) await writeAlone(relay, publisher, fromHex(hex));
  expect(relay.stats().chunksRead).toBe(sent.length);
  await delivered(relay, clients.length);
  // Closing flushes nothing and loses nothing that was written, so the end of file proves "nothing more".
  await relay.close();
  await Promise.all(clients.map(({ closed }) => closed));

  const received = Object.fromEntries(
    CLIENTS.map((name, index) => [name, clients[index]?.received().toString('hex')]),
  );
  const recorded = Object.fromEntries(
    CLIENTS.map((name) => [
      name,
      transcript.events
        .filter(({ client, what }) => client === name && what === 'received')
        .map(({ hex }) => hex)
        .join(''),
    ]),
  );
  expect(received).toEqual(recorded);
});
