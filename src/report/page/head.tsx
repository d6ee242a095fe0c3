/** The ten-second part: verdict and reason, what was compared, and the counts. */
import type { ComponentChildren, JSX } from 'preact';
import { DIVERGENCE_KINDS } from '../../diff/types.ts';
import type { DivergenceKind, ReportModel, SideInfo } from '../model.ts';
import { duration } from '../duration.ts';
import {
  formatCount,
  formatDurationNs,
  formatWallClock,
  KIND_MEANS,
  KIND_SIGN,
  VERDICT_SIGN,
} from './format.ts';
import { ThemeToggle } from './theme.tsx';

export function Head({ model }: { readonly model: ReportModel }): JSX.Element {
  const { capture, verdict } = model;
  return (
    <header class="head">
      <div class="head-top">
        <span class="brand">relaydiff</span>
        <span class="capture-name" title={capture.name}>
          {capture.name}
        </span>
        <ThemeToggle />
      </div>
      <div class="verdict-line">
        <h1 class={`verdict verdict-${verdict}`}>
          <span aria-hidden="true">{VERDICT_SIGN[verdict]}</span> {verdict}
        </h1>
        <p class="reason">{model.reason}</p>
      </div>
      <dl class="facts">
        <Fact name="Recorded">{formatWallClock(capture.startedUnixNs)}</Fact>
        <Fact name="Duration">{formatDurationNs(capture.durationNs)}</Fact>
        <Fact name="Origin">{capture.origin}</Fact>
        <Fact name="Old">
          <Side info={model.old} />
        </Fact>
        <Fact name="New">
          <Side info={model.new} />
        </Fact>
        <Latency latency={model.latency} />
        <Fact name="Capture">
          {capture.sealed ? (
            'sealed'
          ) : (
            <strong class="warn">! not sealed: the end of the recording is missing</strong>
          )}
        </Fact>
      </dl>
      <NotSeen spots={capture.notSeen ?? []} />
    </header>
  );
}

/** What the report says nothing about, because the recording could not hold it. */
function NotSeen({ spots }: { readonly spots: readonly string[] }): JSX.Element | null {
  if (spots.length === 0) return null;
  return (
    <section class="not-seen" aria-label="Not seen">
      <p>
        <strong class="warn">! recorded by listening only.</strong> Nothing here says anything about
      </p>
      <ul>
        {spots.map((spot) => (
          <li key={spot}>{spot}</li>
        ))}
      </ul>
    </section>
  );
}

/** How long each side took, of messages that both delivered. */
function Latency({ latency }: { readonly latency: ReportModel['latency'] }): JSX.Element | null {
  if (latency === undefined) return null;
  const words = (times: NonNullable<ReportModel['latency']>['behind']): string =>
    `p50 ${duration(times.p50Ns)}, p99 ${duration(times.p99Ns)}, max ${duration(times.maxNs)}`;
  return (
    <>
      {latency.old !== null && <Fact name="Old took">{words(latency.old)}</Fact>}
      {latency.new !== null && <Fact name="New took">{words(latency.new)}</Fact>}
      <Fact name="New behind old">{words(latency.behind)}</Fact>
    </>
  );
}

function Fact(props: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

function Side({ info }: { readonly info: SideInfo }): JSX.Element {
  return (
    <>
      {info.label} <span class="muted">({info.dialect})</span>
    </>
  );
}

export function Counts(props: {
  readonly model: ReportModel;
  readonly kind: DivergenceKind | null;
  readonly onKind: (kind: DivergenceKind | null) => void;
}): JSX.Element {
  const { counts } = props.model;
  const kinds = DIVERGENCE_KINDS.map((kind) => ({ kind, value: counts.divergences[kind] }));
  const gapsText = `${formatCount(counts.gaps.bytes)} bytes in gaps`;
  return (
    <section class="counts" aria-label="Counts">
      <div class="tiles">
        <Tile name="old frames" value={counts.old} side="old" />
        <Tile name="new frames" value={counts.new} side="new" />
        <Tile name="pairs" value={counts.pairs} />
        <Tile name="identical" value={counts.identical} />
        <Tile name="equivalent" value={counts.equivalent} />
        <Tile name="ignored" value={counts.ignored} />
        <Tile
          name="unjudged"
          value={counts.gaps.frames}
          note={counts.gaps.bytes > 0 ? gapsText : ''}
          alarm={counts.gaps.bytes > 0 || counts.gaps.frames > 0}
        />
        {counts.swallowed !== undefined && (
          <Tile
            name="swallowed"
            value={sumOf(counts.swallowed.divergences)}
            note={`by rules, ${formatCount(counts.swallowed.differences)} differences`}
          />
        )}
        {counts.leftOut !== undefined && (
          <Tile name="left out" value={counts.leftOut.frames} note="new was not sent them" />
        )}
      </div>
      <div
        class="tiles kinds"
        role="group"
        aria-label="Divergences by kind; press to filter the list"
      >
        {kinds.map(({ kind, value }) => (
          <button
            key={kind}
            type="button"
            class={`tile ${value === 0 ? 'zero' : 'found'}`}
            aria-pressed={props.kind === kind}
            disabled={value === 0}
            title={KIND_MEANS[kind]}
            onClick={() => props.onKind(props.kind === kind ? null : kind)}
          >
            <span class="tile-value">{formatCount(value)}</span>
            <span class="tile-name">
              <span class="sign" aria-hidden="true">
                {KIND_SIGN[kind]}
              </span>
              {kind}
            </span>
          </button>
        ))}
      </div>
    </section>
  );
}

function sumOf(kinds: Readonly<Record<DivergenceKind, number>>): number {
  return DIVERGENCE_KINDS.reduce((sum, kind) => sum + kinds[kind], 0);
}

function Tile(props: {
  readonly name: string;
  readonly value: number;
  readonly note?: string;
  readonly side?: 'old' | 'new';
  readonly alarm?: boolean;
}): JSX.Element {
  const state = props.alarm === true ? 'alarm' : props.value === 0 ? 'zero' : '';
  return (
    <div class={`tile ${state} ${props.side ?? ''}`}>
      <span class="tile-value">{formatCount(props.value)}</span>
      <span class="tile-name">{props.name}</span>
      {props.note !== undefined && props.note !== '' && <span class="tile-note">{props.note}</span>}
    </div>
  );
}
