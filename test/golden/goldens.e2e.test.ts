/** The committed goldens are what they say, can be made anew, and goldens are made, verified and updated as users do. */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openCapture } from '../../src/capture/open.ts';
import { findGoldens } from '../../src/golden/golden-files.ts';
import { verifyGolden } from '../../src/golden/verify-golden.ts';
import { loadBuiltInProtocol } from '../../src/protocol/files.ts';
import { buildCapture } from '../support/capture-builder.ts';
import { type Finished, runCli } from '../support/processes.ts';
import { relayProgram } from '../../src/simulate/spawn.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { delivers, sends } from '../diff/support.ts';
import { trade } from '../diff/rules/support.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CAPTURES = join(ROOT, 'captures');
const protocol = loadBuiltInProtocol();
const context = { protocolOf: () => protocol, today: '2026-11-24' };

/** A committed golden that may be spoilt. */
function copyOf(name: string): string {
  const directory = join(temporaryDirectory(), name);
  cpSync(join(CAPTURES, name), directory, { recursive: true });
  return directory;
}

function textOf(...path: readonly string[]): string {
  return readFileSync(join(...path), 'utf8');
}

function edit(path: string, from: string | RegExp, to: string): void {
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, before.replace(from, to));
  expect(readFileSync(path, 'utf8')).not.toBe(before);
}

function golden(...args: readonly string[]): Finished {
  return runCli(['golden', ...args]);
}

/** Two publishers and a listener: of each publisher three messages, one after the other. */
function recordingIn(directory: string, lost?: number): string {
  const path = join(directory, 'live.capture');
  const frames = [1, 2, 3, 4, 5, 6].map((sequence) => trade({ sequence, source: sequence % 2 }));
  buildCapture(path, {
    connections: ['publisher', 'other', 'dashboard'],
    steps: frames.flatMap((frame, index) => [
      ...sends(1 + (index % 2), frame),
      ...delivers('old', [1, 2, 3], frame),
      ...(index === lost ? [] : delivers('new', [1, 2, 3], frame)),
      { waitMs: 100 },
    ]),
  });
  return path;
}

describe('the committed goldens', () => {
  const goldens = findGoldens([CAPTURES]);

  it('are what they say', () => {
    const { stdout, exitCode } = golden('verify', CAPTURES, '--json');
    const verified = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(verified.flatMap(({ problems }) => problems)).toEqual([]);
    expect(verified.map(({ name }) => name)).toEqual(goldens.map(({ name }) => name));
    expect(exitCode).toBe(0);
  });

  it('are ten of all relays, small, and each is on the list', () => {
    const list = textOf(CAPTURES, 'README.md');
    expect(goldens.length).toBeGreaterThanOrEqual(10);
    expect(new Set(goldens.map(({ expected }) => expected?.domain))).toEqual(
      new Set(['market_data', 'signal', 'execution']),
    );
    for (const { name, capturePath, expected } of goldens) {
      expect(list).toContain(
        `| [${name}](${name}/about.md) | ${expected?.title} | ${expected?.domain} |`,
      );
      expect(statSync(capturePath).size).toBeLessThan(400 * 1024);
    }
  });

  it('are listed for people and for machines', () => {
    const table = golden('list', CAPTURES).stdout;
    for (const { name } of goldens) expect(table).toMatch(new RegExp(`^${name} +\\w+`, 'm'));
    const lines = golden('list', CAPTURES, '--json').stdout.trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).name)).toEqual(goldens.map(({ name }) => name));
  });

  it('promise and show the same when they are made anew, whatever the machine has to do', () => {
    const into = temporaryDirectory();
    const tool = ['scripts/run-tool.mjs', 'test/goldens/main.ts', '--into', into, 'wrong-domain'];
    execFileSync(process.execPath, tool, { cwd: ROOT, stdio: 'ignore' });
    for (const file of ['expected.json', 'rules.yaml', 'about.md']) {
      expect(textOf(into, 'wrong-domain', file)).toBe(textOf(CAPTURES, 'wrong-domain', file));
    }
  });
});

describe('a golden that is not what it says', () => {
  const problemsOf = (directory: string): readonly string[] =>
    verifyGolden(directory, context).problems.map(({ file, message }) => `${file}: ${message}`);

  it('is told apart from its promise and from what it shows', () => {
    const directory = copyOf('split-writes');
    edit(join(directory, 'expected.json'), '"messages": 270', '"messages": 271');
    edit(join(directory, 'expected.json'), '"missing": 60', '"missing": 61');
    expect(problemsOf(directory)).toEqual([
      'expected.json: promise.messages: the capture has 270, not 271',
      'expected.json: shows: 60 missing, not 61',
      expect.stringMatching(/^about\.md: its facts are not those/),
    ]);
    const { exitCode, stdout } = golden('verify', directory);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/NOT WHAT IT SAYS\n {2}expected\.json: promise\.messages/);
  });

  it('has all its files', () => {
    const directory = join(temporaryDirectory(), 'half');
    cpSync(join(CAPTURES, 'signals', 'expected.json'), join(directory, 'expected.json'));
    expect(problemsOf(directory)).toEqual(
      ['capture.db', 'rules.yaml', 'about.md'].map((file) => `${file}: it is missing`),
    );
    const listed = golden('list', directory);
    expect(listed.stderr).toMatch(/capture\.db is missing[^]*GOLDEN_INVALID/);
    expect(listed.exitCode).toBe(2);
  });

  it('has a whole capture, rules that hold, and a page with its facts', () => {
    const directory = copyOf('slow-consumer');
    const rules = join(directory, 'rules.yaml');
    edit(rules, '    action: ignore', '    action: ignore\n    expires: 2026-01-31');
    expect(problemsOf(directory)[0]).toMatch(
      /^rules\.yaml: line \d+: the rule slow-dashboard-lagged expired on 2026-01-31/,
    );
    edit(rules, 'cause:', 'coase:');
    expect(problemsOf(directory)[0]).toMatch(/^rules\.yaml: .*unknown key "coase"/s);
    const page = copyOf('signals');
    edit(join(page, 'about.md'), /## What it must show\n[^]*/, '## What it must show\n');
    edit(join(page, 'about.md'), '# Signals', '# Some signals');
    expect(problemsOf(page)).toEqual([
      'about.md: it does not begin with the title of expected.json as its heading',
      'about.md: it has nothing under "## What it must show"',
    ]);
    const bytes = readFileSync(join(page, 'capture.db'));
    const frame = bytes.indexOf(Buffer.from('efbeadde', 'hex'));
    bytes.writeUInt8(bytes.readUInt8(frame + 40) ^ 1, frame + 40);
    writeFileSync(join(page, 'capture.db'), bytes);
    expect(problemsOf(page)[0]).toMatch(/^capture\.db: it is damaged: /);
  });
});

describe('golden create', () => {
  it('makes a golden of a part, says what it left out, and touches nothing that is there', () => {
    const directory = temporaryDirectory();
    const from = ['--from', recordingIn(directory, 2), '--into', directory];
    const made = golden(
      'create',
      'part',
      ...from,
      '--clients',
      'publisher',
      '3',
      '--trim',
      '100ms..',
    );
    expect(made.stderr).toMatch(/connections left out: 1 of 3/);
    expect(made.exitCode).toBe(0);
    const [part] = findGoldens([join(directory, 'part')]);
    expect(part?.expected).toMatchObject({
      title: 'part',
      domain: 'market_data',
      promise: { clients: 2, messages: 4 },
      shows: { verdict: 'different', counts: { missing: 2 } },
    });
    expect(textOf(directory, 'part', 'about.md')).toMatch(
      /left out of the recording \| only the clients publisher, 3, from 0\.1 s; connections left out: 1 of 3/,
    );
    expect(verifyGolden(join(directory, 'part'), context).problems).toEqual([]);
    const again = golden('create', 'part', ...from);
    expect(again.stderr).toMatch(/GOLDEN_EXISTS/);
    expect(again.exitCode).toBe(2);
    expect(golden('create', 'none', ...from, '--clients', 'nobody').stderr).toMatch(
      /is called nobody/,
    );
    expect(golden('create', 'none', ...from, '--label', '9=nobody').stderr).toMatch(
      /has no connection 9 to be named/,
    );
    const outside = ['--clients', 'publisher', '--label', '2=nobody'];
    expect(golden('create', 'none', ...from, ...outside).stderr).toMatch(
      /connection 2 is to be named, and is left out/,
    );
    expect(golden('create', 'none', ...from, '--trim', '1h..').stderr).toMatch(
      /no client sent anything in this part.*\n {2}They sent last before it at \d+\.\d+ s/,
    );
    expect(golden('create', '../up', ...from).stderr).toMatch(/cannot be the name/);
    expect(readdirSync(directory).sort()).toEqual(['live.capture', 'part']);
  });

  it('refuses what would be too large, and what has holes, and leaves nothing', () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'large.capture');
    const steps = Array.from({ length: 40 }, (_, index) =>
      // Random bytes, which nothing makes smaller.
      sends(
        1,
        Buffer.from(Array.from({ length: 32_768 }, (_, at) => (at * 7919 * (index + 1)) >> 5)),
      ),
    );
    buildCapture(path, { connections: ['publisher'], steps: steps.flat() });
    const large = golden(
      'create',
      'large',
      '--from',
      path,
      '--into',
      directory,
      '--domain',
      'signal',
    );
    expect(large.stderr).toMatch(
      /1\.\d MiB; a golden takes 1\.0 MiB at most \[GOLDEN_TOO_LARGE\]\n.*--trim/,
    );
    expect(large.exitCode).toBe(2);
    const torn = join(directory, 'torn.capture');
    const frame = trade({ sequence: 1 });
    buildCapture(torn, {
      connections: ['publisher'],
      sealed: false,
      steps: [...sends(1, frame), ...delivers('old', [1], frame)],
    });
    const refused = golden('create', 'torn', '--from', torn, '--into', directory);
    expect(refused.stderr).toMatch(/it was not sealed.*GOLDEN_INVALID/);
    expect(readdirSync(directory).filter((name) => !name.startsWith('torn.capture'))).toEqual([
      'large.capture',
    ]);
  });
});

describe('a redacted golden', () => {
  const SECRET = 4_217_000_000_123n;
  /** The message in the middle is lost on the new side. */
  const recording = (directory: string, volume?: bigint): string => {
    const path = join(directory, 'desk-7.capture');
    const frames = [1, 2, 3].map((sequence) =>
      trade({ sequence, price: SECRET, ...(volume && { volume }) }),
    );
    buildCapture(path, {
      connections: ['momentum-desk', 'dashboard', 'stranger'],
      steps: frames.flatMap((frame, index) => [
        ...sends(1, frame),
        ...delivers('old', [1, 2], frame),
        ...(index === 1 ? [] : delivers('new', [1, 2], frame)),
      ]),
    });
    return path;
  };
  const secret = Buffer.alloc(8);
  secret.writeBigInt64LE(SECRET);

  it('shows the same, is what it says, and holds no value, label or name that was redacted', () => {
    const directory = temporaryDirectory();
    const elsewhere = temporaryDirectory();
    const rules = join(elsewhere, 'redact.yaml');
    const key = join(elsewhere, 'key');
    writeFileSync(rules, 'rules: [{ id: sides, action: keep, where: { path: "tlv[*].*.side" } }]');
    writeFileSync(key, 'sixteen bytes or more');
    const from = ['--from', recording(elsewhere), '--into', directory];
    const part = ['--clients', 'momentum-desk', 'dashboard', '--label', '2=viewer'];
    golden('create', 'plain', ...from, ...part);
    const redact = ['--redact', rules, '--key-file', key];
    const withoutRules = golden('create', 'desks', ...from, ...part, '--key-file', key);
    expect(withoutRules.stderr).toContain('--key-file goes with --redact [USAGE]');
    const withoutKey = golden('create', 'desks', ...from, ...part, '--redact', rules);
    expect(withoutKey.stderr).toContain('pseudonyms need a key [USAGE]');
    expect(withoutKey.exitCode).toBe(2);

    const made = golden('create', 'desks', ...from, ...part, ...redact);
    expect(made.exitCode, made.stderr).toBe(0);
    const fingerprint = /the same frames; key (\w+)/.exec(made.stderr)?.[1];
    const path = join(directory, 'desks');
    expect(verifyGolden(path, context).problems).toEqual([]);
    const [desks, plain] = findGoldens([path, join(directory, 'plain')]);
    expect(plain?.expected?.shows).toMatchObject({ verdict: 'different', counts: { missing: 2 } });
    expect(desks?.expected?.shows).toEqual(plain?.expected?.shows);
    expect({ ...desks?.expected?.promise, digest: '' }).toEqual({
      ...plain?.expected?.promise,
      digest: '',
    });
    const about = textOf(path, 'about.md');
    expect(about).toContain(`| redacted | by redact.yaml, key ${fingerprint} |`);
    expect(about).toContain('| left out of the recording | only the clients 1, 2;');
    expect(about).toContain('--from RECORDING --redact redact.yaml');
    expect(about).toContain('| 2 viewer |');
    const places = (name: string): readonly string[] =>
      readdirSync(join(directory, name)).filter((file) => {
        const bytes = contentOf(join(directory, name, file));
        return [secret, 'momentum-desk', 'dashboard', 'desk-7'].some((word) =>
          bytes.includes(word),
        );
      });
    expect(places('plain')).toEqual(['about.md', 'capture.db']);
    expect(places('desks')).toEqual([]);
    expect(readdirSync(directory).sort()).toEqual(['desks', 'plain']);

    // Another recording does not come into it as it is.
    const fresh = recording(temporaryDirectory(), 5n);
    const update = (...more: readonly string[]): Finished =>
      golden('update', path, '--from', fresh, '--write', ...more);
    const refused = update();
    expect(refused.stderr).toMatch(
      /the golden is redacted \(by redact\.yaml, key \w+\), and .* is not/,
    );
    expect(refused.exitCode).toBe(2);
    expect(update(...redact).exitCode).toBe(0);
    expect(places('desks')).toEqual([]);
    expect(verifyGolden(path, context).problems).toEqual([]);
    expect(textOf(path, 'about.md')).toContain(`key ${fingerprint} |`);
  });
});

/** What stands in a file, and in what is compressed in it. */
function contentOf(path: string): Buffer {
  if (!path.endsWith('.db')) return readFileSync(path);
  const capture = openCapture(path);
  try {
    const chunks = capture.streams().flatMap(({ id }) => [...capture.chunks(id)]);
    return Buffer.concat([readFileSync(path), ...chunks.map(({ bytes }) => Buffer.from(bytes))]);
  } finally {
    capture.close();
  }
}

describe('golden update', () => {
  const relay = (kind: string): string =>
    `${process.execPath} ${relayProgram} --kind ${kind} --domain {domain} --socket {socket} --quiet`;

  it('shows what a relay would change, and changes nothing', () => {
    const directory = copyOf('signals');
    const before = textOf(directory, 'expected.json');
    const same = golden(
      'update',
      directory,
      '--relay',
      relay('original'),
      '--new-relay',
      relay('generic'),
    );
    expect(same.stdout).toMatch(/nothing changes/);
    expect(same.exitCode).toBe(0);
    const other = golden('update', directory, '--relay', relay('generic'));
    expect(other.stdout).toMatch(
      /DIFFERENT[^]*90 extra[^]*would change; --write does it[^]*promise\.messages: 90, was 0/,
    );
    expect(other.exitCode).toBe(1);
    expect(textOf(directory, 'expected.json')).toBe(before);
    expect(existsSync(join(directory, '..', 'live.capture'))).toBe(false);
  });

  it('takes another recording when it is told to write, and keeps names and page', () => {
    const directory = temporaryDirectory();
    const args = ['--from', recordingIn(directory), '--into', directory, '--label', '1=feed'];
    golden('create', 'live', ...args, '--summary', 'What this is for.');
    const other = temporaryDirectory();
    const fresh = recordingIn(other, 2);
    const done = golden('update', join(directory, 'live'), '--from', fresh, '--write');
    expect(done.stdout).toMatch(/live: changed\n {2}shows: the verdict is different, not same/);
    expect(done.exitCode).toBe(0);
    const path = join(directory, 'live');
    expect(verifyGolden(path, context).problems).toEqual([]);
    expect(textOf(path, 'about.md')).toContain('What this is for.');
    const capture = openCapture(join(path, 'capture.db'));
    expect(capture.connections().map(({ label }) => label)).toEqual(['feed', 'other', 'dashboard']);
    capture.close();
    expect(readdirSync(directory).sort()).toEqual(['live', 'live.capture']);
  });
});
