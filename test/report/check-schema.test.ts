/** What check prints for machines: the published schema is generated from the shape in use. */
import { expect, it } from 'vitest';
import { z } from 'zod';
import { CHECK_SHAPE } from '../../src/report/check-report.ts';

it('publishes the shape of a check report', async () => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:relaydiff:check:1',
    title: 'relaydiff check',
    description:
      'What `relaydiff check --json` prints. A later version may add keys; readers ignore keys they do not know.',
    ...z.toJSONSchema(CHECK_SHAPE, { io: 'input' }),
  };
  await expect(`${JSON.stringify(schema, null, 2)}\n`).toMatchFileSnapshot(
    '../../schemas/json/check.schema.json',
  );
});
