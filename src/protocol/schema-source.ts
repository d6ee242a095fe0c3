/**
 * One YAML text as a checked schema that still knows where each part of it stands. Collects mistakes instead
 * of stopping at the first; knows nothing of other files (see load).
 */
import { type Mistake, type Path, readYaml, type YamlSource } from '../lib/yaml-source.ts';
import { fileShape, type FileShape } from './schema-shape.ts';

export type { Mistake, Path } from '../lib/yaml-source.ts';

export interface SchemaSource {
  /** Name of the file, or its path as it was given. */
  readonly file: string;
  /** Name of the schema: the file's without directory and `.yaml`. */
  readonly name: string;
  readonly shape: FileShape;
  /** The mistake `what` at a path; at the nearest thing around it when the path does not exist. */
  readonly mistake: YamlSource['mistake'];
}

export type Report = (mistake: Mistake) => void;

/** One definition with the place that it stands at. */
export interface Entry<Shape> {
  readonly shape: Shape;
  readonly source: SchemaSource;
  readonly path: Path;
}

/** `conf/desk.yaml` -> `desk`. */
export function schemaName(file: string): string {
  return baseName(file).replace(/\.ya?ml$/, '');
}

export function baseName(file: string): string {
  return file.replace(/^.*[/\\]/, '');
}

export function readSchemaSource(
  file: string,
  text: string,
): { readonly source: SchemaSource } | { readonly mistakes: readonly Mistake[] } {
  const read = readYaml(file, text);
  if ('mistakes' in read) return read;
  const { data, mistake, mistakesOf } = read.source;
  if (data === null || data === undefined)
    return { mistakes: [`${file}:1:1: the file says nothing; a schema begins with description`] };
  const checked = fileShape.safeParse(data, { reportInput: true });
  if (checked.success)
    return { source: { file, name: schemaName(file), shape: checked.data, mistake } };
  return { mistakes: mistakesOf(checked.error, fileShape) };
}
