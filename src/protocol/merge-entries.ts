/** The entries of one section over a chain of schemas: later ones replace earlier ones of the same name. */
import { isAddition } from './additions.ts';
import type { FileShape } from './schema-shape.ts';
import type { Entry, Report, SchemaSource } from './schema-source.ts';

interface Merging<Shape> {
  /** Hears of two additions that define the same thing: which of them wins would be chance. */
  readonly report?: Report;
  /** What an addition's entry makes of the one before it; by default it replaces it. */
  readonly add?: (before: Shape, own: Shape) => Shape;
}

/** The entries of a section, the last one of each name. */
export function merged<Shape>(
  chain: readonly SchemaSource[],
  section: string,
  pick: (file: FileShape) => Readonly<Record<string, Shape>> | undefined,
  { report, add }: Merging<Shape> = {},
): ReadonlyMap<string, Entry<Shape>> {
  const entries = new Map<string, Entry<Shape>>();
  for (const source of chain) {
    for (const [name, own] of Object.entries(pick(source.shape) ?? {})) {
      const before = entries.get(name);
      const path = [section, name];
      const shape = before && add && isAddition(source) ? add(before.shape, own) : own;
      if (report !== undefined && before !== undefined && bothAdd(before.source, source))
        report(source.mistake(path, `"${name}" is in ${before.source.file} already`, 'key'));
      entries.set(name, { shape, source, path });
    }
  }
  return entries;
}

export function bothAdd(first: SchemaSource, second: SchemaSource): boolean {
  return isAddition(first) && isAddition(second) && first !== second;
}
