/**
 * Says which connection of one capture is which of another: same name and same bytes sent, then same bytes sent,
 * then same name; always in the order in which they were opened. Pure.
 */

export interface SeenClient {
  readonly id: number;
  readonly label: string;
  /** Equal for clients that sent the same bytes. */
  readonly sentDigest: string;
}

/** At least one of the two. */
export interface ConnectionMatch<T> {
  readonly old: T | undefined;
  readonly new: T | undefined;
}

/** From what proves most to what proves least. */
const KEYS: readonly ((client: SeenClient) => string)[] = [
  ({ label, sentDigest }) => `${sentDigest} ${label}`,
  ({ sentDigest }) => sentDigest,
  ({ label }) => label,
];

/** Those of `old` in their order, then what only `neu` has. */
export function matchConnections<T extends SeenClient>(
  old: readonly T[],
  neu: readonly T[],
): readonly ConnectionMatch<T>[] {
  const partners = new Map<T, T>();
  const taken = new Set<T>();
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
