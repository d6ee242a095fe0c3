/** A strict reader of the XML that JUnit needs: throws at whatever XML 1.0 does not allow. */

export interface XmlElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  readonly text: string;
}

const ENTITIES: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
};
// oxlint-disable-next-line no-control-regex -- what XML 1.0 calls Char
const ALLOWED = /^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u;

export function readXml(xml: string): XmlElement {
  if (!ALLOWED.test(xml)) throw new Error('a character that XML does not allow');
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
  if (!xml.startsWith(declaration)) throw new Error('no declaration');
  const tokens = xml.slice(declaration.length).match(/<[^<>]*>|[^<]+/g) ?? [];
  if (tokens.join('') !== xml.slice(declaration.length)) throw new Error('a stray <');
  const root = { name: '', attributes: {}, children: new Array<XmlElement>(), text: '' };
  const open = [root];
  for (const token of tokens) {
    const parent = open.at(-1);
    if (parent === undefined) throw new Error('text behind the end');
    const tag = /^<(\/?)([a-z-]+)((?: [a-z]+="[^"<]*")*)(\/?)>$/.exec(token);
    if (tag === null) {
      if (token.startsWith('<') || token.includes(']]>')) throw new Error(`no markup: ${token}`);
      parent.text += unescaped(token);
    } else if (tag[1] === '/') {
      if (open.pop()?.name !== tag[2]) throw new Error(`${token} closes something else`);
    } else {
      const given = [...(tag[3] ?? '').matchAll(/ ([a-z]+)="([^"]*)"/g)];
      const attributes = given.map(([, name = '', value = '']) => {
        if (/[\t\n\r]/.test(value)) throw new Error('white space that readers do not keep');
        return [name, unescaped(value)];
      });
      const element = {
        name: tag[2] ?? '',
        attributes: Object.fromEntries(attributes),
        children: new Array<XmlElement>(),
        text: '',
      };
      parent.children.push(element);
      if (tag[4] !== '/') open.push(element);
    }
  }
  const [only, ...more] = root.children;
  if (open.length !== 1 || only === undefined || more.length > 0)
    throw new Error('not one element');
  return only;
}

function unescaped(text: string): string {
  return text.replaceAll(/&([^;&]*;?)/g, (_whole, name: string) => {
    const number = /^#(\d+);$/.exec(name);
    const value = number ? String.fromCodePoint(Number(number[1])) : ENTITIES[name.slice(0, -1)];
    if (value === undefined || !name.endsWith(';')) throw new Error(`no entity: &${name}`);
    return value;
  });
}
