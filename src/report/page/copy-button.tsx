/** Copies a text and says so. A page from disk may be refused the clipboard; then the old way is tried. */
import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';

const NOTICE_MS = 1_500;

export function CopyButton(props: {
  readonly label: string;
  readonly text: () => string;
}): JSX.Element {
  const [outcome, setOutcome] = useState<string | null>(null);
  useEffect(() => {
    if (outcome === null) return undefined;
    const timer = setTimeout(() => setOutcome(null), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [outcome]);
  const copy = async (): Promise<void> => {
    const isCopied = await copyText(props.text());
    setOutcome(isCopied ? 'Copied' : 'Not allowed here');
  };
  return (
    <button type="button" class="plain copy" onClick={() => void copy()}>
      <span aria-live="polite">{outcome ?? props.label}</span>
    </button>
  );
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyBySelection(text);
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand('copy');
  area.remove();
  return isCopied;
}
