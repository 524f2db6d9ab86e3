/** Objects that are wrong in one place each: every field of a good one is left out, emptied, or made what it should not be. */

export interface Mutation {
  /** Where and how. */
  readonly what: string;
  readonly object: object;
}

const STRINGS = [
  '',
  'Not_A Name!',
  'x'.repeat(64),
  'a.b',
  '-a',
  '10.0.0.1',
  'Unknown',
  'kubernetes.io/a',
  '/a/../b',
  '%',
];
const NUMBERS = [-1, 0, 1, 65_536, 2_000_000_000];

/** Of every field below `spec` and the like; `skip`: names of fields that the server itself writes. */
export function mutationsOf(object: object, skip: ReadonlySet<string> = new Set()): Mutation[] {
  const found: Mutation[] = [];
  walk(object, [], skip, (path, value) => {
    if (path.length === 1 && path[0] === 'metadata') return; // an object without a name is asked for nowhere
    for (const [how, next] of alternatives(value)) {
      found.push({ what: `${path.join('.')} ${how}`, object: replaced(object, path, next) as object });
    }
  });
  return found;
}

type Path = readonly (string | number)[];

function walk(
  value: unknown,
  path: Path,
  skip: ReadonlySet<string>,
  visit: (path: Path, value: unknown) => void,
): void {
  if (path.length > 0) visit(path, value);
  if (Array.isArray(value)) {
    for (const [i, item] of value.entries()) walk(item, [...path, i], skip, visit);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, child] of Object.entries(value)) {
      if (path.length === 0 && (key === 'apiVersion' || key === 'kind')) continue;
      if (!skip.has([...path, key].join('.'))) walk(child, [...path, key], skip, visit);
    }
  }
}

function alternatives(value: unknown): (readonly [how: string, next: unknown])[] {
  const others: (readonly [string, unknown])[] = [['left out', undefined]];
  if (typeof value === 'string')
    for (const text of STRINGS) others.push([`is ${JSON.stringify(text.slice(0, 20))}`, text]);
  else if (typeof value === 'number') for (const number of NUMBERS) others.push([`is ${number}`, number]);
  else if (typeof value === 'boolean') others.push([`is ${!value}`, !value]);
  else if (Array.isArray(value)) {
    others.push(['is empty', []]);
    if (value.length > 0) others.push(['has its first twice', [...value, value[0]]]);
  } else if (typeof value === 'object' && value !== null) {
    others.push(['is empty', {}]);
    if (Object.values(value).every((entry) => typeof entry === 'string')) {
      others.push(
        ['has a bad key', { ...value, 'Not A Key!': 'x' }],
        ['has a bad value', { ...value, key: 'no value!' }],
      );
    }
  }
  return others.filter(([, next]) => JSON.stringify(next) !== JSON.stringify(value));
}

function replaced(value: unknown, [head, ...rest]: Path, next: unknown): unknown {
  if (head === undefined) return next;
  if (Array.isArray(value)) {
    const items: unknown[] = value.map((item, i) => (i === head ? replaced(item, rest, next) : item));
    return items.filter((item) => item !== undefined);
  }
  const fields = { ...(value as Record<string, unknown>) };
  const changed = replaced(fields[head as string], rest, next);
  if (changed === undefined) delete fields[head as string];
  else fields[head as string] = changed;
  return fields;
}
