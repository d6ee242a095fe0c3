/** A recorder as users run it, between two hubs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { CLI } from '../support/built-cli.ts';

export interface RecorderPaths {
  readonly listen: string;
  readonly old: string;
  readonly new: string;
  readonly out: string;
}

export class RecorderProcess {
  readonly process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #said = '';

  private constructor(paths: RecorderPaths, more: readonly string[]) {
    const { listen, old, new: fresh, out } = paths;
    const sockets = ['--listen', listen, '--old', old, '--new', fresh];
    const args = [CLI, 'record', ...sockets, '--out', out, ...more];
    this.process = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#closed = once(this.process, 'close');
    this.process.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#said += text;
    });
  }

  static async start(paths: RecorderPaths, more: readonly string[] = []): Promise<RecorderProcess> {
    const recorder = new RecorderProcess(paths, more);
    await recorder.says('recording ');
    return recorder;
  }

  get said(): string {
    return this.#said;
  }

  async says(text: string): Promise<void> {
    const { stderr } = this.process;
    if (stderr === null) return;
    while (!this.#said.includes(text)) {
      if (this.process.exitCode !== null) throw new Error(`it ended: ${this.#said}`);
      await Promise.race([once(stderr, 'data'), this.#closed]);
    }
  }

  /** Resolves with its exit code, null when it was killed. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.process.kill(signal);
    await this.#closed;
    return this.process.exitCode;
  }
}
