/** What a client of an older OpenAPI document would trip over in a newer one; additions are no such thing. */
type Node = Record<string, unknown>;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const nodeOf = (value: unknown): Node => (isNode(value) ? value : {});
const entries = (value: unknown): [string, unknown][] => Object.entries(nodeOf(value));
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const names = (value: unknown): string[] => list(value).filter((name) => typeof name === 'string');
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** A schema with its document, so that references can be followed. */
interface Placed {
  readonly document: Node;
  readonly schema: Node;
}

const follow = ({ document, schema }: Placed): Placed => {
  if (typeof schema.$ref !== 'string') return { document, schema };
  const target = schema.$ref
    .slice(2)
    .split('/')
    .reduce<unknown>((node, name) => nodeOf(node)[name], document);
  return follow({ document, schema: nodeOf(target) });
};

const typesOf = (schema: Node): string[] | undefined => {
  if (typeof schema.type === 'string') return [schema.type];
  return Array.isArray(schema.type) ? names(schema.type) : undefined;
};

const valuesOf = (schema: Node): unknown[] | undefined =>
  'const' in schema ? [schema.const] : Array.isArray(schema.enum) ? schema.enum : undefined;

const accepts = (wide: string[] | undefined, types: string[] | undefined): boolean =>
  wide === undefined ||
  (types?.every((type) => wide.includes(type) || (type === 'integer' && wide.includes('number'))) ?? false);

const lower = ['minimum', 'exclusiveMinimum', 'minLength', 'minItems', 'minProperties'];
const upper = ['maximum', 'exclusiveMaximum', 'maxLength', 'maxItems', 'maxProperties'];
const exact = ['pattern', 'format', 'multipleOf', 'uniqueItems', 'propertyNames'];

type Compare = (before: Placed, after: Placed, at: string) => string[];

/** Compares two references once, however often documents refer to them. */
const remembered = (compare: Compare): Compare => {
  const known = new WeakMap<Node, Map<string, string[]>>();
  return (before, after, at) => {
    const [old, now] = [before.schema.$ref, after.schema.$ref];
    if (typeof old !== 'string' || typeof now !== 'string') return compare(before, after, at);
    const pairs = known.get(after.document) ?? new Map<string, string[]>();
    known.set(after.document, pairs);
    const faults = pairs.get(`${old} ${now}`) ?? compare(before, after, '');
    pairs.set(`${old} ${now}`, faults);
    return faults.map((fault) => at + fault);
  };
};

/** Whether everything that the old schema took is still taken. */
const input = remembered((before, after, at) => {
  const [old, now] = [follow(before), follow(after)];
  const [a, b] = [old.schema, now.schema];
  if (Array.isArray(a.anyOf))
    return a.anyOf.flatMap((alternative, index) =>
      input({ ...old, schema: nodeOf(alternative) }, now, `${at}|${String(index)}`),
    );
  if (Array.isArray(b.anyOf)) {
    const tries = b.anyOf.map((alternative) => input(old, { ...now, schema: nodeOf(alternative) }, at));
    return tries.some((faults) => faults.length === 0) ? [] : [`${at}: no alternative takes what was taken`];
  }
  const faults: string[] = [];
  if (!accepts(typesOf(b), typesOf(a))) faults.push(`${at}: the type is narrower`);
  const [was, is] = [valuesOf(a), valuesOf(b)];
  if (is && !(was?.every((value) => is.includes(value)) ?? false))
    faults.push(`${at}: fewer values are taken`);
  for (const name of lower)
    if (name in b && !(name in a && Number(b[name]) <= Number(a[name])))
      faults.push(`${at}: ${name} is narrower`);
  for (const name of upper)
    if (name in b && !(name in a && Number(b[name]) >= Number(a[name])))
      faults.push(`${at}: ${name} is narrower`);
  for (const name of exact)
    if (name in b && !same(a[name], b[name])) faults.push(`${at}: ${name} is another`);
  if (b.additionalProperties === false && a.additionalProperties !== false)
    faults.push(`${at}: unknown fields are refused`);
  for (const name of names(b.required))
    if (!names(a.required).includes(name)) faults.push(`${at}/${name}: is required now`);
  for (const [name, property] of entries(a.properties)) {
    const newer = nodeOf(b.properties)[name];
    if (isNode(newer))
      faults.push(...input({ ...old, schema: nodeOf(property) }, { ...now, schema: newer }, `${at}/${name}`));
    else if (b.additionalProperties === false) faults.push(`${at}/${name}: is not taken any more`);
  }
  if (isNode(b.items))
    faults.push(...input({ ...old, schema: nodeOf(a.items) }, { ...now, schema: b.items }, `${at}[]`));
  return faults;
});

/** Whether everything that the old schema promised is still given. */
const output = remembered((before, after, at) => {
  const [old, now] = [follow(before), follow(after)];
  const [a, b] = [old.schema, now.schema];
  if (Array.isArray(b.anyOf))
    return b.anyOf.flatMap((alternative, index) =>
      output(old, { ...now, schema: nodeOf(alternative) }, `${at}|${String(index)}`),
    );
  if (Array.isArray(a.anyOf)) {
    const tries = a.anyOf.map((alternative) => output({ ...old, schema: nodeOf(alternative) }, now, at));
    return tries.some((faults) => faults.length === 0) ? [] : [`${at}: none of the kinds that were promised`];
  }
  const faults: string[] = [];
  if (!accepts(typesOf(a), typesOf(b))) faults.push(`${at}: the type is another`);
  for (const name of ['pattern', 'format'])
    if (name in a && !same(a[name], b[name])) faults.push(`${at}: ${name} is another`);
  if ('const' in a && !same(a.const, b.const)) faults.push(`${at}: the value is another`);
  for (const name of names(a.required))
    if (!names(b.required).includes(name)) faults.push(`${at}/${name}: is not promised any more`);
  for (const [name, property] of entries(a.properties)) {
    const newer = nodeOf(b.properties)[name];
    if (isNode(newer))
      faults.push(
        ...output({ ...old, schema: nodeOf(property) }, { ...now, schema: newer }, `${at}/${name}`),
      );
    else faults.push(`${at}/${name}: is gone`);
  }
  if (isNode(a.items))
    faults.push(...output({ ...old, schema: a.items }, { ...now, schema: nodeOf(b.items) }, `${at}[]`));
  return faults;
});

const contents = (
  [oldDocument, old]: readonly [Node, unknown],
  [newDocument, now]: readonly [Node, unknown],
  at: string,
  compare: Compare,
): string[] =>
  entries(nodeOf(old).content).flatMap(([type, before]) => {
    const after = nodeOf(nodeOf(now).content)[type];
    if (!isNode(after)) return [`${at} ${type}: is gone`];
    return compare(
      { document: oldDocument, schema: nodeOf(nodeOf(before).schema) },
      { document: newDocument, schema: nodeOf(after.schema) },
      at,
    );
  });

const parameters = (before: Placed, after: Placed, at: string): string[] => {
  const keyOf = (parameter: unknown): string =>
    `${String(nodeOf(parameter).in)} ${String(nodeOf(parameter).name)}`;
  const [old, now] = [before, after].map(
    ({ schema }) =>
      new Map(list(schema.parameters).map((parameter) => [keyOf(parameter), nodeOf(parameter)])),
  ) as [Map<string, Node>, Map<string, Node>];
  const faults: string[] = [];
  for (const [key, parameter] of old) {
    const newer = now.get(key);
    if (!newer) faults.push(`${at} ${key}: is not taken any more`);
    else
      faults.push(
        ...input(
          { ...before, schema: nodeOf(parameter.schema) },
          { ...after, schema: nodeOf(newer.schema) },
          `${at} ${key}`,
        ),
      );
  }
  for (const [key, parameter] of now)
    if (parameter.required === true && old.get(key)?.required !== true)
      faults.push(`${at} ${key}: is required now`);
  return faults;
};

const operation = (before: Placed, after: Placed, at: string): string[] => {
  const [a, b] = [before.schema, after.schema];
  const faults = parameters(before, after, at);
  const [old, now] = [list(a.security), list(b.security)];
  if (
    old.length === 0
      ? now.length > 0
      : !old.every((way) => now.length === 0 || now.some((other) => same(way, other)))
  )
    faults.push(`${at}: asks for other credentials`);
  if (isNode(a.requestBody)) {
    const [was, is] = [a.requestBody, nodeOf(b.requestBody)];
    if (was.required !== true && is.required === true) faults.push(`${at} body: is required now`);
    faults.push(...contents([before.document, was], [after.document, is], `${at} body`, input));
  } else if (nodeOf(b.requestBody).required === true) faults.push(`${at} body: is required now`);
  for (const [status, response] of entries(a.responses)) {
    const newer = nodeOf(b.responses)[status];
    if (!isNode(newer)) {
      faults.push(`${at} ${status}: is gone`);
      continue;
    }
    for (const [name] of entries(nodeOf(response).headers))
      if (!(name in nodeOf(newer.headers))) faults.push(`${at} ${status} header ${name}: is gone`);
    faults.push(...contents([before.document, response], [after.document, newer], `${at} ${status}`, output));
  }
  return faults;
};

/** Each incompatible change from one OpenAPI document to another, as a line that says where. */
export const incompatibilities = (before: object, after: object): string[] => {
  const [old, now] = [before as Node, after as Node];
  return entries(old.paths).flatMap(([path, methods]) =>
    entries(methods).flatMap(([method, older]) => {
      const at = `${method.toUpperCase()} ${path}`;
      const newer = nodeOf(nodeOf(now.paths)[path])[method];
      return isNode(newer)
        ? operation({ document: old, schema: nodeOf(older) }, { document: now, schema: newer }, at)
        : [`${at}: is gone`];
    }),
  );
};
