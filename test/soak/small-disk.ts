/** A small file system of its own, to be filled and to be given room again. Needs the right to mount. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DISK_BYTES = 4 * 1024 * 1024;
const FILLER_BYTES_MIN = 4_096;

export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** undefined where this process may not mount. */
  static mount(path: string): SmallDisk | undefined {
    mkdirSync(path, { recursive: true });
    const options = ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', path];
    return spawnSync('mount', options).status === 0 ? new SmallDisk(path) : undefined;
  }

  /** Takes what is left, by halves. */
  fill(): void {
    let bytes = DISK_BYTES;
    let file = 0;
    while (bytes >= FILLER_BYTES_MIN) {
      try {
        writeFileSync(this.#filler(file), Buffer.alloc(bytes));
        file += 1;
      } catch {
        rmSync(this.#filler(file), { force: true });
        bytes /= 2;
      }
    }
  }

  makeRoom(): void {
    for (let file = 0; existsSync(this.#filler(file)); file++) rmSync(this.#filler(file));
    spawnSync('mount', ['-o', 'remount,size=1g', this.path]);
  }

  unmount(): void {
    spawnSync('umount', [this.path]);
  }

  #filler(file: number): string {
    return join(this.path, `filler-${file}`);
  }
}
