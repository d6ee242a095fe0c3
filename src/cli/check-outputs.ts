/** What check and diff write for CI: JUnit, Markdown, and what GitHub Actions reads. */
import { appendFileSync, mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { OperatingError, reasonOf } from '../lib/operating-error.ts';
import type { CheckReport } from '../report/check-report.ts';
import { githubAnnotations } from '../report/github.ts';
import { renderJunit } from '../report/junit.ts';
import { renderMarkdown } from '../report/markdown.ts';
import { expectWritable, talk, writeFile } from './output.ts';
import { VERSION } from './version.ts';

export interface CheckOutputOptions {
  readonly junit?: string;
  readonly markdown?: string;
  readonly github?: boolean;
}

/** Where, when and by what something is run. */
export function runFacts(startMs: number): Omit<CheckReport['run'], 'cases'> {
  const elapsedMs = Math.round(performance.now() - startMs);
  return {
    startedAt: new Date(Date.now() - elapsedMs).toISOString(),
    elapsedMs,
    host: hostname(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    relaydiff: VERSION,
  };
}

/**
 * What is written at the end of long work must not fail then, where it can be known before. Directories are made. Throws
 * OUTPUT_UNWRITABLE.
 */
export function prepareCheckReports({ junit, markdown }: CheckOutputOptions): void {
  for (const path of [junit, markdown]) {
    if (path === undefined) continue;
    makeDirectory(dirname(path));
    expectWritable(path);
  }
}

/**
 * Writes all that can be written: one report that fails is no reason to lose another. Directories are made. Throws the first
 * OUTPUT_UNWRITABLE at the end.
 */
export function writeCheckReports(
  report: CheckReport,
  { junit, markdown, github = false }: CheckOutputOptions,
): void {
  const work = [
    () => junit !== undefined && writeInto(junit, renderJunit(report)),
    () => markdown !== undefined && writeInto(markdown, renderMarkdown(report)),
    () => github && tellGithub(report),
  ];
  const troubles = work.flatMap((each) => {
    try {
      each();
      return [];
    } catch (error) {
      return [error];
    }
  });
  if (troubles.length > 0) throw troubles[0];
}

function writeInto(path: string, text: string): void {
  makeDirectory(dirname(path));
  writeFile(path, text);
}

/** Throws OUTPUT_UNWRITABLE. */
export function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    throw unwritable(path, error);
  }
}

/** Annotations on stderr, where the runner reads them as well as on stdout; and the summary of the job, if there is one. */
function tellGithub(report: CheckReport): void {
  for (const line of githubAnnotations(report)) talk(line);
  const summary = process.env['GITHUB_STEP_SUMMARY'];
  if (summary === undefined || summary === '') return;
  try {
    appendFileSync(summary, renderMarkdown(report));
  } catch (error) {
    throw unwritable(summary, error);
  }
}

function unwritable(path: string, error: unknown): OperatingError {
  return new OperatingError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${reasonOf(error)}`, {
    hint: 'Check the path and that you may write to it.',
    cause: error,
  });
}
