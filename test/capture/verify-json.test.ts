/** What verify and recover print for machines: the published schemas are generated from the shapes in use. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { RECOVERY_SHAPE } from '../../src/capture/recovery.ts';
import { VERIFICATION_SHAPE } from '../../src/capture/verification.ts';

function published(name: string, description: string, shape: z.ZodType): string {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `urn:relaydiff:${name}:1`,
    title: `relaydiff ${name}`,
    description: `${description} A later version may add keys; readers ignore keys they do not know.`,
    ...z.toJSONSchema(shape, { io: 'input' }),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

describe('the published schemas', () => {
  it('are those of a verification and of a recovery', async () => {
    await expect(
      published(
        'verify',
        'What `relaydiff verify --json` prints, one object a file.',
        VERIFICATION_SHAPE,
      ),
    ).toMatchFileSnapshot('../../schemas/json/verify.schema.json');
    await expect(
      published('recover', 'What `relaydiff recover --json` prints.', RECOVERY_SHAPE),
    ).toMatchFileSnapshot('../../schemas/json/recover.schema.json');
  });
});
