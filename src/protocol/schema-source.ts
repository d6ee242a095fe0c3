/**
 * One YAML text as a checked schema that still knows where each part of it stands. Collects mistakes instead
 * of stopping at the first; knows nothing of other files (see load). Texts that were checked before are not read again
 * until somebody asks for a place in them: to parse the schemas that come with relaydiff takes longer than all else at
 * the start of the program.
 */
import { assert } from '../lib/assert.ts';
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

const checkedShapes = new Map<string, FileShape>();

/** A text and the shape that `readSchemaSource` made of it, here or when the program was built. */
export function rememberChecked(text: string, shape: FileShape): void {
  checkedShapes.set(text, shape);
}

export function readSchemaSource(
  file: string,
  text: string,
): { readonly source: SchemaSource } | { readonly mistakes: readonly Mistake[] } {
  const known = checkedShapes.get(text);
  if (known !== undefined)
    return { source: { file, name: schemaName(file), shape: known, mistake: placeIn(file, text) } };
  const read = readYaml(file, text);
  if ('mistakes' in read) return read;
  const { data, mistake, mistakesOf } = read.source;
  if (data === null || data === undefined)
    return { mistakes: [`${file}:1:1: the file says nothing; a schema begins with description`] };
  const checked = fileShape.safeParse(data, { reportInput: true });
  if (!checked.success) return { mistakes: mistakesOf(checked.error, fileShape) };
  return { source: { file, name: schemaName(file), shape: checked.data, mistake } };
}

/** Reads the text when the first mistake is to be told. */
function placeIn(file: string, text: string): YamlSource['mistake'] {
  let mistake: YamlSource['mistake'] | undefined;
  return (...place) => {
    if (mistake === undefined) {
      const read = readYaml(file, text);
      assert('source' in read, 'a text that was checked before can be read again');
      mistake = read.source.mistake;
    }
    return mistake(...place);
  };
}
