/** Frames of both sides over time, old upward and new downward, with the divergences marked between. */
import type { JSX, TargetedPointerEvent } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { ReportTimeline } from '../model.ts';
import { formatCount, formatOffsetMs } from './format.ts';

const HALF = 40;
const LANE = 16;
const HEIGHT = HALF * 2 + LANE;

type Slices = readonly [number, number];
type PlotEvent = TargetedPointerEvent<HTMLDivElement>;

interface TimelineProps {
  readonly timeline: ReportTimeline;
  readonly selected: Slices | null;
  readonly onSelect: (slices: Slices | null) => void;
}

export function Timeline(props: TimelineProps): JSX.Element | null {
  const { timeline, selected } = props;
  const count = timeline.divergences.length;
  const [hovered, setHovered] = useState<number | null>(null);
  const anchor = useRef<number | null>(null);
  const select = (from: number, to: number): void =>
    props.onSelect([Math.min(from, to), Math.max(from, to)]);
  if (count === 0) return null;
  const pointer = {
    onPointerDown: (event: PlotEvent): void => {
      event.currentTarget.setPointerCapture(event.pointerId);
      anchor.current = sliceAt(event, count);
      select(anchor.current, anchor.current);
    },
    onPointerMove: (event: PlotEvent): void => {
      const slice = sliceAt(event, count);
      setHovered(slice);
      if (anchor.current !== null) select(anchor.current, slice);
    },
    onPointerUp: (): void => {
      anchor.current = null;
    },
    onPointerLeave: (): void => setHovered(null),
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const next = sliceByKey(event, selected, count);
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    props.onSelect(next);
  };
  const shown = selected ?? (hovered === null ? null : ([hovered, hovered] as const));
  return (
    <section class="panel timeline" aria-label="Timeline">
      <PlotHead {...props} shown={shown} />
      <div
        class="timeline-plot"
        role="slider"
        tabIndex={0}
        aria-label="Part of the capture; arrow keys move, shift with an arrow key extends, Escape clears"
        aria-valuemin={0}
        aria-valuemax={count - 1}
        aria-valuenow={selected?.[0] ?? 0}
        aria-valuetext={selected === null ? 'everything' : sliceText(timeline, selected)}
        onKeyDown={onKeyDown}
        {...pointer}
      >
        <Plot timeline={timeline} shown={shown} />
      </div>
      <div class="axis" aria-hidden="true">
        {[0, 0.25, 0.5, 0.75, 1].map((part) => (
          <span key={part}>
            {formatOffsetMs(timeline.startMs + timeline.sliceMs * count * part)}
          </span>
        ))}
      </div>
    </section>
  );
}

function PlotHead(props: TimelineProps & { readonly shown: Slices | null }): JSX.Element {
  const { shown } = props;
  return (
    <div class="panel-head">
      <h2>Timeline</h2>
      <span class="legend">
        <i class="swatch old" aria-hidden="true" /> old frames, up
        <i class="swatch new" aria-hidden="true" /> new frames, down
        <i class="swatch divergence" aria-hidden="true" /> divergences, middle
      </span>
      <output class="slice-text">
        {shown === null ? 'Click or drag to filter' : sliceText(props.timeline, shown)}
      </output>
      {props.selected !== null && (
        <button type="button" class="link" onClick={() => props.onSelect(null)}>
          clear
        </button>
      )}
    </div>
  );
}

function Plot(props: {
  readonly timeline: ReportTimeline;
  readonly shown: Slices | null;
}): JSX.Element {
  const { timeline, shown } = props;
  const count = timeline.divergences.length;
  const framesMax = Math.max(1, ...timeline.old, ...timeline.new);
  const divergencesMax = Math.max(1, ...timeline.divergences);
  const bars = (values: readonly number[], from: number, direction: 1 | -1): string =>
    values.map((value, index) => bar(index, from, (direction * HALF * value) / framesMax)).join('');
  const marks = timeline.divergences.map((value, index) => {
    // Even a single divergence must be seen beside a slice of thousands.
    const height = value === 0 ? 0 : 5 + ((LANE - 5) * value) / divergencesMax;
    return bar(index, HALF + (LANE - height) / 2, height);
  });
  return (
    <svg viewBox={`0 0 ${count} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {shown !== null && (
        <rect class="shown" x={shown[0]} y={0} width={shown[1] - shown[0] + 1} height={HEIGHT} />
      )}
      <rect class="lane" x={0} y={HALF} width={count} height={LANE} />
      <path class="old" d={bars(timeline.old, HALF, -1)} />
      <path class="new" d={bars(timeline.new, HALF + LANE, 1)} />
      <path class="divergence" d={marks.join('')} />
    </svg>
  );
}

/** A filled rectangle; bars leave a fifth of their width free. */
function bar(index: number, y: number, height: number): string {
  if (height === 0) return '';
  return `M${index + 0.1} ${y.toFixed(2)}h.8v${height.toFixed(2)}h-.8z`;
}

function sliceAt(event: PlotEvent, count: number): number {
  const box = event.currentTarget.getBoundingClientRect();
  const slice = Math.floor(((event.clientX - box.left) / box.width) * count);
  return Math.min(Math.max(slice, 0), count - 1);
}

/** undefined: the key means nothing here. */
function sliceByKey(
  event: KeyboardEvent,
  selected: Slices | null,
  count: number,
): Slices | null | undefined {
  if (event.key === 'Escape') return null;
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return undefined;
  if (selected === null) return step > 0 ? [0, 0] : [count - 1, count - 1];
  const clamp = (slice: number): number => Math.min(Math.max(slice, 0), count - 1);
  if (event.shiftKey) {
    return step > 0 ? [selected[0], clamp(selected[1] + 1)] : [clamp(selected[0] - 1), selected[1]];
  }
  const slice = clamp(selected[step > 0 ? 1 : 0] + step);
  return [slice, slice];
}

function sliceText(timeline: ReportTimeline, [first, last]: Slices): string {
  const sum = (values: readonly number[]): string =>
    formatCount(values.slice(first, last + 1).reduce((total, value) => total + value, 0));
  const from = formatOffsetMs(timeline.startMs + timeline.sliceMs * first);
  const to = formatOffsetMs(timeline.startMs + timeline.sliceMs * (last + 1));
  return `${from} to ${to}: ${sum(timeline.old)} old, ${sum(timeline.new)} new, ${sum(timeline.divergences)} divergences`;
}
