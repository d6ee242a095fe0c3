/**
 * Patterns of rules: `*` in a text stands for anything. In a path `[*]` is any position, `*` a part of one name, and
 * `**` any number of names; a path also selects all that lies inside it.
 */

/** Of a whole text. `\*` is an asterisk. */
export function textPattern(pattern: string): RegExp {
  const parts = pattern.split(/(\\[*\\]|\*)/).map((part) => {
    if (part === '*') return '.*';
    return escaped(part.startsWith('\\') && part.length === 2 ? part.slice(1) : part);
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}

const PATH = /^[\w:<>,*-]+(\[[^[\]]*\])*(\.[\w:<>,*-]+(\[[^[\]]*\])*)*$/;
/** Not those of `[2..5]`, a block of TLVs. */
const DOT_BETWEEN_STEPS = /\.(?![^[]*\])/;
const POSITION = /^(\*?|\d+|\d+\.\.\d+)$/;

/** Why it is no path; undefined when it is one. */
export function pathProblem(pattern: string): string | undefined {
  const example = 'write it as the report does: tlv[*].Trade.price, header.timestamp';
  if (!PATH.test(pattern)) return `"${pattern}" is no path; ${example}`;
  const bad = [...pattern.matchAll(/\[([^\]]*)\]/g)].find(([, at = '']) => !POSITION.test(at));
  return bad === undefined ? undefined : `"${bad[0]}" is no position; write [*] or a number`;
}

/** Of a field and of all that is inside it. */
export function pathPattern(pattern: string): RegExp {
  return new RegExp(`^${pathSource(pattern)}(?:[.[].*)?$`);
}

/** Of exactly this place. */
export function placePattern(pattern: string): RegExp {
  return new RegExp(`^${pathSource(pattern)}$`);
}

function pathSource(pattern: string): string {
  return pattern
    .split(DOT_BETWEEN_STEPS)
    .map((step) => (step === '**' ? '[^.]+(?:\\.[^.]+)*' : stepSource(step)))
    .join('\\.');
}

/** A lone `*` is a name with its positions. */
function stepSource(step: string): string {
  if (step === '*') return '[^.]+';
  return step
    .split(/(\[[^\]]*\])/)
    .map((part) => {
      if (part === '[*]' || part === '[]') return '\\[[^\\]]*\\]';
      return part.split('*').map(escaped).join('[^.[\\]]*');
    })
    .join('');
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
