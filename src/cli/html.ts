/** Puts the report together: the result, each side read with its dialect, and the page. */
import type { DiffResult } from '../diff/types.ts';
import { describeFrame } from '../protocol/leaves.ts';
import type { Protocol } from '../protocol/load.ts';
import type { Dialect } from '../protocol/types.ts';
import { buildReportModel, describeFramesOnly } from '../report/build-model.ts';
import { renderHtml } from '../report/html.ts';
import { readPageAssets } from '../report/page-assets.ts';

export function htmlOf(result: DiffResult, protocol: Protocol): string {
  const byMeaning = result.old.dialect !== result.new.dialect;
  const describe = (dialect: Dialect): ReturnType<typeof describeFramesOnly> =>
    describeFramesOnly(dialect.header, (frame) =>
      describeFrame(dialect, frame, byMeaning ? 'shared' : 'own'),
    );
  const model = buildReportModel(result, {
    describe: {
      old: describe(protocol.dialect(result.old.dialect)),
      new: describe(protocol.dialect(result.new.dialect)),
    },
    byMeaning,
  });
  return renderHtml(model, readPageAssets());
}
