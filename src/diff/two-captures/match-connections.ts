/**
 * Says which connection of one capture is which of another: same name and same bytes sent, then same bytes sent,
 * then same name; always in the order in which they were opened. Where nobody else has the name or sent as many bytes,
 * these two are each other's partner whatever the bytes are, and nobody reads them for that.
 */

export interface SeenClient {
  readonly id: number;
  readonly label: string;
  readonly sentBytes: number;
  /** Equal for clients that sent the same bytes. */
  readonly sentDigest: () => string;
}

/** At least one of the two. */
export interface ConnectionMatch<T> {
  readonly old: T | undefined;
  readonly new: T | undefined;
}

/** From what proves most to what proves least. */
const KEYS: readonly ((client: SeenClient) => string)[] = [
  ({ label, sentDigest }) => `${sentDigest()} ${label}`,
  ({ sentDigest }) => sentDigest(),
  ({ label }) => label,
];

/** Those of `old` in their order, then what only `neu` has. */
export function matchConnections<T extends SeenClient>(
  old: readonly T[],
  neu: readonly T[],
): readonly ConnectionMatch<T>[] {
  const partners = new Map(withoutRival(old, neu));
  const taken = new Set<T>(partners.values());
  for (const keyOf of KEYS) {
    const waiting = queuesBy(
      neu.filter((client) => !taken.has(client)),
      keyOf,
    );
    for (const client of old) {
      if (partners.has(client)) continue;
      const partner = waiting.get(keyOf(client))?.next();
      if (partner === undefined || partner.done === true) continue;
      partners.set(client, partner.value);
      taken.add(partner.value);
    }
  }
  return [
    ...old.map((client) => ({ old: client, new: partners.get(client) })),
    ...neu
      .filter((client) => !taken.has(client))
      .map((client) => ({ old: undefined, new: client })),
  ];
}

/** Only these two have their name, and only these two sent so many bytes: no other can have sent the same. */
function* withoutRival<T extends SeenClient>(
  old: readonly T[],
  neu: readonly T[],
): Generator<readonly [T, T]> {
  const newByName = onlyBy(neu, ({ label }) => label);
  const oldBySize = onlyBy(old, ({ sentBytes }) => sentBytes);
  const newBySize = onlyBy(neu, ({ sentBytes }) => sentBytes);
  for (const [label, client] of onlyBy(old, (each) => each.label)) {
    const partner = newByName.get(label);
    const isAlone = oldBySize.get(client.sentBytes) === client;
    if (partner !== undefined && isAlone && newBySize.get(client.sentBytes) === partner) {
      yield [client, partner];
    }
  }
}

/** Clients whose key no other has. */
function onlyBy<T, K>(clients: readonly T[], keyOf: (client: T) => K): ReadonlyMap<K, T> {
  const only = new Map<K, T>();
  const several = new Set<K>();
  for (const client of clients) {
    const key = keyOf(client);
    if (only.has(key)) several.add(key);
    only.set(key, client);
  }
  for (const key of several) only.delete(key);
  return only;
}

function queuesBy<T>(
  clients: readonly T[],
  keyOf: (client: T) => string,
): ReadonlyMap<string, IterableIterator<T>> {
  const groups = new Map<string, T[]>();
  for (const client of clients) {
    const key = keyOf(client);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [client]);
    else group.push(client);
  }
  return new Map([...groups].map(([key, group]) => [key, group.values()]));
}
