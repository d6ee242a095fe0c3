/**
 * Makes the committed goldens: `npm run goldens -- [--into DIRECTORY] [--measure] [NAME…]`. Each is recorded from the reference
 * relays, original and generic, and then made of that recording by relaydiff golden create, as anybody would; what the generic
 * one shows in its replays is measured then. With `--measure` only that: the recordings stay.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measureReplays } from './measure.ts';
import { recordScenario } from './player.ts';
import { GOLDEN_SCENARIOS, type GoldenScenario, type ScenarioReplay } from './scenarios.ts';

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

async function make(scenario: GoldenScenario, into: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'relaydiff-golden-'));
  try {
    const recording = join(directory, `${scenario.name}.capture`);
    const labels = await recordScenario(scenario, directory, recording);
    const rules = join(directory, 'rules.yaml');
    if (scenario.rules !== undefined) writeFileSync(rules, scenario.rules);
    const { name, title, summary, domain } = scenario;
    const how = `\`npm run goldens -- ${name}\` ([scenarios.ts](../../test/goldens/scenarios.ts))${capacityWords(scenario)}.`;
    const options: Readonly<Record<string, readonly string[]>> = {
      from: [recording],
      into: [into],
      title: [title],
      summary: [summary],
      how: [how],
      domain: [domain],
      rules: scenario.rules === undefined ? [] : [rules],
      label: [...labels].map(([id, label]) => `${id}=${label}`),
      replay: scenario.replays.map(replayWords),
    };
    const args = Object.entries(options).flatMap(([option, values]) =>
      values.flatMap((value) => [`--${option}`, value]),
    );
    args.unshift('golden', 'create', name);
    execFileSync(process.execPath, [CLI, ...args], { stdio: 'inherit' });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function capacityWords({ capacity }: GoldenScenario): string {
  return capacity === undefined ? '' : `, with rings of ${capacity} slots`;
}

function replayWords({ words, shows }: ScenarioReplay): string {
  switch (shows) {
    case 'as-captured':
      return words;
    case 'same':
      return `${words}=same`;
    case 'measured':
    case 'undefined':
      return `${words}=undefined`;
  }
}

main: {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      into: { type: 'string', default: 'captures' },
      measure: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.filter(
    (name) => !GOLDEN_SCENARIOS.some((each) => each.name === name),
  );
  if (unknown.length > 0) {
    process.stderr.write(`no scenario is called ${unknown.join(', ')}\n`);
    process.exitCode = 2;
    break main;
  }
  const wanted = GOLDEN_SCENARIOS.filter(
    ({ name }) => positionals.length === 0 || positionals.includes(name),
  );
  for (const scenario of wanted) {
    if (!values.measure) await make(scenario, values.into);
    measureReplays(scenario, join(values.into, scenario.name));
  }
}
