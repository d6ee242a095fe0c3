/** What the page about CI and the ready workflow tell people to run exists, with these options. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createProgram } from '../../src/cli/program.ts';
import { namesSocket, parseRelayCommand } from '../../src/replay/relay-command.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const workflowShape = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions: z.object({ contents: z.literal('read') }),
  jobs: z.object({
    golden: z.object({
      strategy: z.object({
        matrix: z.object({
          include: z.array(z.object({ goldens: z.string(), relay: z.string() })),
        }),
      }),
      steps: z.array(
        z.object({
          uses: z.string().optional(),
          run: z.string().optional(),
          env: z.record(z.string(), z.string()).optional(),
          with: z.record(z.string(), z.unknown()).optional(),
        }),
      ),
    }),
  }),
});

/** Every long option of a command line, by the verb that it is given to. */
function commandsIn(
  text: string,
): readonly { readonly verb: string; readonly options: readonly string[] }[] {
  const commands = [...text.matchAll(/(?:relaydiff|main\.js) ([a-z]+)((?: (?!\| )[^\n`]*)?)/g)];
  return commands.map(([, verb = '', rest = '']) => {
    // What stands in the quotes after --relay is another program's.
    const own = rest.replaceAll(/"[^"]*"/g, '');
    return { verb, options: [...own.matchAll(/ (--[a-z-]+)/g)].map(([, option = '']) => option) };
  });
}

async function optionsOf(verb: string): Promise<readonly string[]> {
  const program = await createProgram(verb);
  const of = (command: Command): readonly string[] => [
    ...command.options.flatMap(({ long }) => long ?? []),
    ...command.commands.flatMap(of),
  ];
  const command = program.commands.find((each) => each.name() === verb);
  return command === undefined ? [] : of(command);
}

describe('the ready workflow', () => {
  const text = read('examples/github/relay-golden.yml');
  const { jobs } = workflowShape.parse(parse(text));
  const { strategy, steps } = jobs.golden;

  it('runs relaydiff with options that it has', async () => {
    const checks = steps.flatMap(({ run }) => (run === undefined ? [] : commandsIn(run)));
    expect(checks.map(({ verb }) => verb)).toEqual(['check']);
    const known = await optionsOf('check');
    expect(known).toEqual(expect.arrayContaining([...(checks[0]?.options ?? [])]));
    expect(checks[0]?.options).toEqual(['--relay', '--github', '--junit', '--html', '--keep']);
  });

  it('names relays that can be started, and keeps what failed', () => {
    for (const { relay } of strategy.matrix.include) {
      expect(namesSocket(parseRelayCommand(relay))).toBe(true);
    }
    const upload = steps.find(({ uses }) => uses?.startsWith('actions/upload-artifact@') === true);
    expect(upload?.with?.['path']).toBe('check');
    // Nothing that somebody outside may choose is put into a script.
    for (const { run } of steps) expect(run ?? '').not.toContain('${{');
  });
});

it('the page about CI tells verbs and options that exist, and all options of check', async () => {
  const page = read('docs/ci.md');
  const told = commandsIn(page);
  expect(told.length).toBeGreaterThan(4);
  for (const { verb, options } of told) {
    if (verb === 'minimize') continue;
    const known = await optionsOf(verb);
    expect([verb, options.filter((option) => !known.includes(option))]).toEqual([verb, []]);
  }
  const section = read('docs/cli.md').split('\n## check\n')[1]?.split('\n## ')[0] ?? '';
  for (const option of await optionsOf('check')) {
    if (option !== '--quiet') expect(section).toContain(option);
  }
});
