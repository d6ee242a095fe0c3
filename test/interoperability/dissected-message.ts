/** What tshark showed of a frame, spelled as spelledMessage does, so that the two can be compared. */
import { defined } from '../../src/lib/assert.ts';
import type {
  Dialect,
  FieldType,
  FieldValue,
  FieldValues,
  StructLayout,
} from '../../src/protocol/types.ts';
import type { SpelledHeader, SpelledTlv } from '../protocol/spelled.ts';
import { HEADER_FIELDS, HEADER_INTEGERS, INTEGER_BYTES } from '../../src/protocol/values.ts';
import { descendants, type Node, nodesIn } from './tshark.ts';

export interface DissectedMessage {
  readonly header: SpelledHeader;
  readonly checksum: string;
  readonly tlvs: readonly SpelledTlv[];
  /** Kinds of remarks and defects, as often as they were shown. */
  readonly experts: readonly string[];
}

/** The frames that were found in one captured unit. */
export function dissectedMessages(unit: Node, dialect: Dialect): readonly DissectedMessage[] {
  return nodesIn(unit, 'torqv2').map((tree) => {
    const header = only(tree, 'torqv2.header');
    return {
      header: headerValues(header),
      checksum: only(header, 'torqv2.checksum.state').show,
      tlvs: nodesIn(tree, 'torqv2.tlv').map((node) => tlvOf(node, dialect)),
      experts: expertKinds(tree),
    };
  });
}

/** The kinds of expert notes below, sorted. */
export function expertKinds(tree: Node): readonly string[] {
  return [...descendants(tree)]
    .flatMap(({ name }) => /^torqv2\.expert\.(.+)$/.exec(name)?.[1] ?? [])
    .sort();
}

function only(node: Node, name: string): Node {
  const [first, ...more] = nodesIn(node, name);
  if (more.length > 0) throw new Error(`${node.name} has several ${name}`);
  return defined(first, `${name} in ${node.name}`);
}

function headerValues(header: Node): SpelledHeader {
  const entries = HEADER_FIELDS.map((name) => {
    const wide = INTEGER_BYTES[HEADER_INTEGERS[name]] > 4;
    const { show } = only(header, `torqv2.header.${name}`);
    return [name, wide ? show : Number(show)];
  });
  return Object.fromEntries(entries);
}

function tlvOf(node: Node, dialect: Dialect): SpelledTlv {
  const type = Number(only(node, 'torqv2.tlv.type').show);
  const layout = nodesIn(node, 'torqv2.tlv.layout')[0]?.show;
  const head = {
    type,
    name: only(node, 'torqv2.tlv.name').show,
    extended: nodesIn(node, 'torqv2.tlv.marker').length > 0,
    length: Number(only(node, 'torqv2.tlv.length').show),
  };
  if (layout === undefined) {
    const raw = nodesIn(node, 'torqv2.tlv.raw')[0]?.value ?? '';
    return { ...head, fields: { raw } };
  }
  const struct = defined(dialect.structs.get(layout), layout);
  const fields = structValues(node, struct);
  const data = struct.openEnded ? { data: fieldNodes(node, 'data')[0]?.value ?? '' } : {};
  return { ...head, layout, fields: { ...fields, ...data } };
}

function structValues(node: Node, struct: StructLayout): FieldValues {
  const shown = struct.fields.filter((field) => !field.padding);
  return Object.fromEntries(
    shown.map(({ name, type }) => [
      name,
      valueOf(defined(fieldNodes(node, name)[0], `${name} in ${node.name}`), type),
    ]),
  );
}

/** The children for the field, whatever the filter name of the struct is. */
function fieldNodes(node: Node, field: string): readonly Node[] {
  return node.children.filter(({ name }) =>
    new RegExp(`^torqv2\\.(?!tlv\\.|expert\\.)[a-z0-9_]+\\.${field}$`).test(name),
  );
}

function valueOf(node: Node, type: FieldType): FieldValue {
  switch (type.kind) {
    case 'integer':
      return INTEGER_BYTES[type.integer] > 4 ? node.show : Number(node.show);
    case 'bytes':
      return node.value;
    case 'struct':
      return structValues(node, type.struct);
    case 'array':
    case 'list':
      return elementsOf(node, type.element);
    case 'fixed-vec':
      return {
        count: Number(only(node, `${node.name}.count`).show),
        elements: elementsOf(node, type.element),
      };
  }
}

function elementsOf(node: Node, element: FieldType): readonly FieldValue[] {
  return nodesIn(node, `${node.name}.element`).map((each) => valueOf(each, element));
}
