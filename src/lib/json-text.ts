/**
 * Values as JSON text, where JSON.stringify knows too little: bigints become decimal text and bytes become hex, as
 * everywhere in this program's output. What is undefined is left out. To make a copy that
 * JSON.stringify can write takes half as long again.
 */
import { toHex } from './bytes.ts';

/** Of plain values: numbers, texts, booleans, null, bigints, bytes, and arrays and objects of them. */
export function jsonText(value: unknown): string {
  if (typeof value === 'number') return Number.isFinite(value) ? `${value}` : 'null';
  if (typeof value === 'bigint') return `"${value}"`;
  if (typeof value === 'string') return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (value instanceof Uint8Array) return `"${toHex(value)}"`;
  if (Array.isArray(value)) return arrayText(value);
  return isRecord(value) ? objectText(value) : 'null';
}

/** What JSON writes as it is: most words. To ask is cheaper than to let JSON.stringify look. */
const PLAIN = /^[\w .:-]*$/;

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function arrayText(elements: readonly unknown[]): string {
  let text = '';
  for (const element of elements) text += text === '' ? jsonText(element) : `,${jsonText(element)}`;
  return `[${text}]`;
}

function objectText(record: Readonly<Record<string, unknown>>): string {
  let text = '';
  for (const name in record) {
    const value = record[name];
    if (value === undefined) continue;
    const key = keyText(name);
    text += (text === '' ? key.slice(1) : key) + jsonText(value);
  }
  return `{${text}}`;
}

/** Names are few, and each stands in every line. */
const keys = new Map<string, string>();
const KEYS_MAX = 4_096;

/** `,"name":`. */
function keyText(name: string): string {
  let text = keys.get(name);
  if (text === undefined) {
    text = `,${JSON.stringify(name)}:`;
    if (keys.size < KEYS_MAX) keys.set(name, text);
  }
  return text;
}
