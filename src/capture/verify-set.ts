/** Verifies what only the files of a rotated recording together can show: that none is missing, and no byte between. */
import { OperatingError } from '../lib/operating-error.ts';
import { CaptureSet } from './capture-set.ts';
import { openCaptureFile } from './reader.ts';
import type { Verification, VerificationCounts } from './verification.ts';
import { Findings, verificationOf } from './verify-findings.ts';

/** `parts`: what was found in each file, in order. */
export function verifySet(path: string, parts: readonly Verification[]): Verification {
  const findings = new Findings();
  const bad = parts.filter(({ verdict }) => verdict === 'damaged' || verdict === 'unreadable');
  for (const part of bad)
    findings.damage({ check: 'set', message: `${part.path} is ${part.verdict}` });
  for (const part of parts) {
    if (part.verdict !== 'incomplete') continue;
    findings.missing({ check: 'set', message: `${part.path} is incomplete` });
  }
  if (bad.length === 0) checkSet(path, parts, findings);
  const sum = (key: keyof VerificationCounts): number =>
    parts.reduce((total, { counts }) => total + counts[key], 0);
  return {
    ...verificationOf(path, findings),
    sealed: parts.every(({ sealed }) => sealed),
    reachesNs: parts.at(-1)?.reachesNs ?? '0',
    counts: {
      blocks: sum('blocks'),
      blockBytes: sum('blockBytes'),
      segments: sum('segments'),
      journalRows: sum('journalRows'),
      connections: sum('connections'),
      streams: sum('streams'),
      streamBytes: sum('streamBytes'),
      chunks: sum('chunks'),
      events: sum('events'),
      gaps: sum('gaps'),
      gapBytes: sum('gapBytes'),
      accounts: sum('accounts'),
    },
  };
}

function checkSet(path: string, parts: readonly Verification[], findings: Findings): void {
  const open = parts.map((part) => openCaptureFile(part.path));
  try {
    const numbers = open.map(({ info }) => info.part?.number ?? 0);
    numbers.forEach((number, index) => {
      const expected = (numbers[index - 1] ?? number - 1) + 1;
      if (number === expected) return;
      findings.missing({
        check: 'set',
        message: `files ${expected} to ${number - 1} of the recording are not there`,
      });
    });
    for (const gap of new CaptureSet(path, open).gaps()) {
      if (gap.reason !== 'file-missing') continue;
      const { connection, stream, offset, bytes } = gap;
      findings.missing({
        check: 'set',
        connection,
        stream,
        offset,
        bytes,
        message: `${bytes} bytes of connection ${connection}, ${stream} stream, from ${offset} on are in no file`,
      });
    }
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error;
    findings.damage({ check: 'set', message: error.message });
  } finally {
    for (const capture of open) capture.close();
  }
}
