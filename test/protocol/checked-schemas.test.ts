import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { checkedSchemas, readBuiltInSchemas } from '../../src/protocol/files.ts';
import { fileShape } from '../../src/protocol/schema-shape.ts';
import { readSchemaSource, rememberChecked } from '../../src/protocol/schema-source.ts';
import { parse } from 'yaml';

describe('what the build has checked of the schemas that come with relaydiff', () => {
  it('is what reading them says', () => {
    const written: unknown = JSON.parse(readFileSync('dist/checked-schemas.json', 'utf8'));
    const read = [...readBuiltInSchemas().values()].map((text) => [
      text,
      fileShape.parse(parse(text)),
    ]);
    expect(written).toEqual(read);
    expect(checkedSchemas()).toEqual(read);
  });

  it('still knows the place of everything in the text', () => {
    const text = '# of nobody else\nabstract: true\ndescription: somebody\n';
    const first = readSchemaSource('mine.yaml', text);
    if (!('source' in first)) throw new Error('the text has no mistakes');
    rememberChecked(text, first.source.shape);
    const again = readSchemaSource('mine.yaml', text);
    if (!('source' in again)) throw new Error('a text that was checked has no mistakes');
    for (const path of [[], ['description'], ['no', 'such', 'thing']])
      expect(again.source.mistake(path, 'wrong')).toBe(first.source.mistake(path, 'wrong'));
    expect(again.source.mistake(['description'], 'wrong')).toMatch(/^mine.yaml:3:14: wrong$/);
  });
});
