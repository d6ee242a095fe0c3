/** What a benchmark ran on, and how busy that was: numbers without it mean nothing. */
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly node: string;
  readonly system: string;
  readonly processors: string;
  readonly memoryBytes: number;
  /** Processes that wanted to run in the last minute, on average: more than processors means others were in the way. */
  readonly load: number;
}

export function describeMachine(): Machine {
  return {
    node: process.version,
    system: `${process.platform} ${release()}`,
    processors: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}`,
    memoryBytes: totalmem(),
    load: loadavg()[0] ?? Number.NaN,
  };
}

export function machineLine({ node, system, processors, load }: Machine): string {
  return `Node ${node}, ${system}, ${processors}, load ${load.toFixed(1)}`;
}
