/** Data as Lua: tables, strings and numbers, in the order and the lines that make a generated file readable. */

export type LuaValue = string | number | boolean | undefined | readonly LuaValue[] | LuaTable;
/** Keys are Lua names, or numbers as `[7]`. Entries that are undefined are left out. */
export interface LuaTable {
  readonly [key: string]: LuaValue;
}

/** On one line. */
export function lua(value: LuaValue): string {
  if (typeof value === 'string') return luaString(value);
  if (typeof value !== 'object') return String(value ?? 'nil');
  const entries = isList(value)
    ? value.map(lua)
    : Object.entries(value)
        .filter(([, entry]) => entry !== undefined)
        .map(([key, entry]) => `${key} = ${lua(entry)}`);
  return entries.length === 0 ? '{}' : `{ ${entries.join(', ')} }`;
}

/** A table of tables, one entry a line. */
export function luaLines(entries: Iterable<readonly [key: string, value: LuaValue]>): string {
  const lines = [...entries].map(([key, value]) => `  ${key} = ${lua(value)},\n`);
  return `{\n${lines.join('')}}`;
}

export function luaKey(key: string | number): string {
  return `[${lua(key)}]`;
}

/** Control characters as decimal escapes, so that any text is one string of one line. */
function luaString(text: string): string {
  const escaped = text.replace(
    // oxlint-disable-next-line no-control-regex -- they are what must be escaped.
    /["\\\u0000-\u001f\u007f]/g,
    (character) => `\\${character.charCodeAt(0).toString().padStart(3, '0')}`,
  );
  return `"${escaped}"`;
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: LuaTable | readonly LuaValue[]): value is readonly LuaValue[] {
  return Array.isArray(value);
}
