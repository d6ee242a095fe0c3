/** Times of relays for people: three figures, and the unit that fits. By itself, so that the page can use it. */

const UNITS = [
  { ns: 1e9, name: 's' },
  { ns: 1e6, name: 'ms' },
  { ns: 1e3, name: 'µs' },
] as const;

/** `ns`: decimal text, which may be negative. */
export function duration(ns: string): string {
  const value = Number(ns);
  for (const unit of UNITS) {
    const amount = value / unit.ns;
    const size = Math.abs(amount);
    if (size >= 1) return `${amount.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)} ${unit.name}`;
  }
  return `${value} ns`;
}
