/** Fields of text. An attribute's text is that of its value: `true`, `7`, `null`. */
export const TEXT_FIELDS = [
  'type',
  'service',
  'route',
  'method',
  'user_id',
  'trace_id',
  'consumer',
  'environment',
  'region',
  'severity',
] as const;
export type TextField = (typeof TEXT_FIELDS)[number];

/** Fields of numbers; a status class is a status' first digit. */
export const NUMBER_FIELDS = ['status', 'status_class', 'duration'] as const;
export type NumberField = (typeof NUMBER_FIELDS)[number];

export interface AttributeField {
  readonly attribute: string;
}

export type Operator = '>' | '>=' | '<' | '<=' | '=';

/** What a condition says of one event. An event without the field meets no condition on it. */
export type Condition =
  /** The text is the field's value, or how the value begins. Upper and lower case differ. */
  | {
      readonly kind: 'is';
      readonly field: TextField | AttributeField;
      readonly text: string;
      readonly prefix: boolean;
    }
  | {
      readonly kind: 'compare';
      readonly field: NumberField | AttributeField;
      readonly operator: Operator;
      readonly value: number;
    }
  /** Both ends are included. */
  | {
      readonly kind: 'range';
      readonly field: NumberField | AttributeField;
      readonly from: number;
      readonly to: number;
    }
  /** Some field of text contains it; upper and lower case are the same. */
  | { readonly kind: 'mentions'; readonly text: string };

/** Which events are meant. Groups directly inside a group of their kind are part of it; a group has two members or more. */
export type Query =
  | Condition
  | { readonly kind: 'not'; readonly of: Query }
  | { readonly kind: 'and' | 'or'; readonly of: readonly Query[] };

/** All of some queries, or any of them. There must be one. */
export const group = (kind: 'and' | 'or', members: readonly [Query, ...Query[]]): Query => {
  if (members.length === 1) return members[0];
  return { kind, of: members.flatMap((member) => (member.kind === kind ? member.of : [member])) };
};

/** What a bare word cannot hold without becoming something else. */
const PLAIN_TEXT = /^[^\s"():*\\<>=-][^\s"():*\\]*$/;

const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;

const written = (text: string): string =>
  PLAIN_TEXT.test(text) && !text.includes('..') && text !== 'OR' && text !== 'AND' ? text : quoted(text);

const nameOf = (field: TextField | NumberField | AttributeField): string =>
  typeof field === 'string' ? field : `attr.${written(field.attribute)}`;

/** A query as text that reads as the same query. */
export const printQuery = (query: Query): string => {
  switch (query.kind) {
    case 'mentions':
      return written(query.text);
    case 'is':
      return `${nameOf(query.field)}:${query.text === '' && query.prefix ? '' : written(query.text)}${query.prefix ? '*' : ''}`;
    case 'compare': {
      // Without an operator an attribute is asked for by its text.
      const operator = query.operator === '=' && typeof query.field === 'string' ? '' : query.operator;
      return `${nameOf(query.field)}:${operator}${String(query.value)}`;
    }
    case 'range':
      return `${nameOf(query.field)}:${String(query.from)}..${String(query.to)}`;
    case 'not':
      return `-${inside(query.of)}`;
    case 'and':
      return query.of.map(inside).join(' ');
    case 'or':
      return query.of.map(inside).join(' OR ');
  }
};

const inside = (query: Query): string =>
  query.kind === 'and' || query.kind === 'or' ? `(${printQuery(query)})` : printQuery(query);
