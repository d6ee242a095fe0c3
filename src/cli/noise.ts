/** `relaydiff noise`: learn what two instances of one relay differ in, and how often that would be wrong. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { Command } from 'commander';
import { watchReading } from '../capture/watch-reading.ts';
import { describeNoise } from '../diff/noise/describe.ts';
import { learnFromCapture } from '../diff/noise/learn-capture.ts';
import { type NoiseModel, parseNoiseModel } from '../diff/noise/model.ts';
import { OperatingError } from '../lib/operating-error.ts';
import { noiseLines } from '../report/noise.ts';
import { protocolOf, withCapture } from './inputs.ts';
import { dialectOption, quietOption, schemaOption } from './options.ts';
import { Progress, writeFile, writeOut } from './output.ts';

interface NoiseOptions {
  readonly out?: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly dialect?: string;
  readonly schema: readonly string[];
}

const EXAMPLE = `
Example: record two instances of the old relay, learn, and compare the new one without their noise
  relaydiff record --listen md.sock --old old-1.sock --new old-2.sock --out noise.capture
  relaydiff noise noise.capture --out noise.json
  relaydiff diff md.capture --noise noise.json`;

export function noiseCommand(): Command {
  return new Command('noise')
    .description('learn from a recording of old against old what differs without meaning anything')
    .argument('<file>', 'capture in which old and new are two instances of one relay')
    .option('--out <file>', 'write the model as JSON, for relaydiff diff --noise')
    .option('--json', 'print the model as JSON instead of the summary', false)
    .addOption(dialectOption('read with this dialect (default: the one of the recording)'))
    .addOption(schemaOption())
    .addOption(quietOption())
    .addHelpText('after', EXAMPLE)
    .action(noise);
}

async function noise(file: string, options: NoiseOptions): Promise<void> {
  const model = await learnFile(file, options);
  if (options.out !== undefined) writeFile(options.out, `${JSON.stringify(model, null, 2)}\n`);
  if (options.json) await writeOut(`${JSON.stringify(model)}\n`);
  else if (!options.quiet) await writeOut(summaryOf(model));
}

interface LearnOptions {
  readonly dialect?: string;
  readonly schema?: readonly string[];
  readonly quiet: boolean;
}

async function learnFile(file: string, options: LearnOptions): Promise<NoiseModel> {
  return withCapture(file, (capture) => {
    const dialect = protocolOf(capture, options.schema).dialect(
      options.dialect ?? capture.info.dialect,
    );
    const progress = new Progress(options);
    const watched = watchReading(capture, (read, total) =>
      progress.update('learning', Math.min(read, total), total),
    );
    const model = learnFromCapture(watched, dialect);
    progress.done();
    return model;
  });
}

/** Of a capture of old against old, or of a model that was learned from one. Throws NOISE_INVALID. */
export async function noiseModelOf(
  file: string,
  dialects: { readonly old: string; readonly new: string },
  options: Omit<LearnOptions, 'dialect'>,
): Promise<NoiseModel> {
  if (dialects.old !== dialects.new) {
    throw new OperatingError('NOISE_INVALID', 'there is no noise between two dialects', {
      hint: 'Leave --noise or --new-dialect out.',
    });
  }
  const model = beginsLikeJson(file)
    ? parseNoiseModel(readFileSync(file, 'utf8'), file)
    : await learnFile(file, { ...options, dialect: dialects.old });
  if (model.dialect !== dialects.old) {
    throw new OperatingError(
      'NOISE_INVALID',
      `${file} was learned in the dialect ${model.dialect}, and ${dialects.old} is compared`,
      { hint: 'Learn it again with --dialect, or compare with that dialect.' },
    );
  }
  return model;
}

/** Nothing else that can be given begins with a brace. What cannot be read is told by who opens it as a capture. */
function beginsLikeJson(file: string): boolean {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch {
    return false;
  }
  try {
    const first = Buffer.alloc(1);
    return readSync(descriptor, first, 0, 1, 0) === 1 && first.toString('latin1') === '{';
  } catch {
    return false;
  } finally {
    closeSync(descriptor);
  }
}

function summaryOf(model: NoiseModel): string {
  const fields = model.types.flatMap(({ subject, fields: learned }) =>
    learned.map(({ field, noise: each, falseAlarms }) => ({
      subject,
      field,
      kind: each.kind,
      parameters: describeNoise(each),
      falseAlarms,
    })),
  );
  const constant = model.constant.map(({ subject }) => subject).join(', ');
  const lines = noiseLines({ ...model, fields });
  if (constant !== '') lines.push(`without noise: ${constant}`);
  return `${lines.join('\n')}\n`;
}
