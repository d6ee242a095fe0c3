/** Light, dark, or as the system says. Kept in the browser where it allows that to a page from disk. */
import type { JSX } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';

const THEMES = ['auto', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
const KEY = 'relaydiff-theme';

export function ThemeToggle(): JSX.Element {
  const [theme, setTheme] = useState<Theme>(readTheme);
  useLayoutEffect(() => {
    document.documentElement.dataset['theme'] = theme;
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // A page from disk may have no storage; the choice then lasts as long as the page.
    }
  }, [theme]);
  return (
    <fieldset class="theme">
      <legend class="sr-only">Colours</legend>
      {THEMES.map((each) => (
        <label key={each} class={each === theme ? 'on' : ''}>
          <input
            type="radio"
            name="theme"
            checked={each === theme}
            onChange={() => setTheme(each)}
          />
          {each}
        </label>
      ))}
    </fieldset>
  );
}

function readTheme(): Theme {
  try {
    const stored = localStorage.getItem(KEY);
    return THEMES.find((each) => each === stored) ?? 'auto';
  } catch {
    return 'auto';
  }
}
