/** One message as bytes: offset, sixteen bytes and their ASCII a row. Every byte knows its field. */
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { MARK, type MessageBytes } from './byte-marks.ts';
import { hexOffset } from './format.ts';
import { useVirtualRows } from './use-virtual-rows.ts';

const ROW_BYTES = 16;
const ROW_PX = 19;
const ROWS_IN_VIEW = 16;
/** A wheel, a page key and a click reach further than that; a taller pane would push the other side away. */
const PANE_PX_MAX = ROW_PX * ROWS_IN_VIEW;

interface HexViewProps {
  readonly label: string;
  readonly message: MessageBytes;
  readonly hot: number | null;
  /** The byte under the pointer or the cursor, to show where the other side has it. */
  readonly onHover: (row: number | null) => void;
  readonly onPin: (row: number) => void;
}

export function HexView(props: HexViewProps): JSX.Element {
  const { message, hot } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const count = Math.ceil(message.bytes.length / ROW_BYTES);
  const virtual = useVirtualRows({ count, rowPx: ROW_PX, scroller });
  const digits = Math.max(4, (message.bytes.length - 1).toString(16).length);
  useEffect(() => {
    if (hot === null || scroller.current?.matches(':hover') === true) return;
    const first = message.rows.indexOf(hot);
    if (first >= 0) virtual.scrollTo(Math.floor(first / ROW_BYTES));
  }, [hot, message]);
  const rowUnder = (event: Event): number | null => {
    const cell = event.target instanceof Element ? event.target.closest('[data-byte]') : null;
    const offset = Number(cell?.getAttribute('data-byte') ?? Number.NaN);
    const row = message.rows[offset];
    return row === undefined || row < 0 ? null : row;
  };
  return (
    <div
      ref={scroller}
      class="hex"
      role="group"
      tabIndex={0}
      aria-label={props.label}
      style={{ height: `${Math.min(count * ROW_PX + 8, PANE_PX_MAX)}px` }}
      onPointerOver={(event) => props.onHover(rowUnder(event))}
      onPointerLeave={() => props.onHover(null)}
      onClick={(event) => {
        const row = rowUnder(event);
        if (row !== null) props.onPin(row);
      }}
      onKeyDown={(event) => {
        const next = fieldByKey(event, message, hot);
        if (next === null) return;
        event.preventDefault();
        event.stopPropagation();
        props.onPin(next);
      }}
    >
      <div style={{ height: `${virtual.totalPx}px`, position: 'relative' }}>
        {virtual.items.map((item) => (
          <HexRow
            key={item.index}
            message={message}
            start={item.index * ROW_BYTES}
            digits={digits}
            topPx={item.start}
            hot={hot}
          />
        ))}
      </div>
    </div>
  );
}

/** Left and right go from field to field, so that every byte can be reached and named without a mouse. */
function fieldByKey(
  event: KeyboardEvent,
  message: MessageBytes,
  hot: number | null,
): number | null {
  const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
  if (step === 0) return null;
  const order = [...new Set(message.rows)].filter((row) => row >= 0);
  const at = hot === null ? -1 : order.indexOf(hot);
  return order[Math.min(Math.max(at + step, 0), order.length - 1)] ?? null;
}

const MARK_CLASS: Readonly<Record<number, string>> = {
  [MARK.same]: '',
  [MARK.changed]: ' changed',
  [MARK.alone]: ' alone',
};

function HexRow(props: {
  readonly message: MessageBytes;
  readonly start: number;
  readonly digits: number;
  readonly topPx: number;
  readonly hot: number | null;
}): JSX.Element {
  const { message, start, hot } = props;
  const hexCells: JSX.Element[] = [];
  const textCells: JSX.Element[] = [];
  for (let offset = start; offset < start + ROW_BYTES; offset++) {
    const byte = message.bytes[offset];
    if (byte === undefined) break;
    const isHot = hot !== null && message.rows[offset] === hot;
    const state = `${MARK_CLASS[message.marks[offset] ?? 0] ?? ''}${isHot ? ' hot' : ''}`;
    hexCells.push(
      <span key={offset} class={`byte${state}${byte === 0 ? ' nul' : ''}`} data-byte={offset}>
        {hexOffset(byte, 2)}
      </span>,
    );
    textCells.push(
      <span key={offset} class={`char${state}`} data-byte={offset}>
        {byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'}
      </span>,
    );
  }
  return (
    <div class="hex-row" style={{ transform: `translateY(${props.topPx}px)` }}>
      <span class="hex-offset">{hexOffset(start, props.digits)}</span>
      <span class="hex-bytes">{hexCells}</span>
      <span class="hex-text">{textCells}</span>
    </div>
  );
}
