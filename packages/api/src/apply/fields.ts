/**
 * Sets of field paths in the very form they have on the wire, FieldsV1: a tree of path elements. Immutable, and parts
 * are shared between sets. Source: structured-merge-diff v6 fieldpath/{set,serialize}.go.
 *
 * A node that is empty is a path of the set. One that is not holds the paths below it, and is a path itself when it
 * has the key '.'. No node is both empty and outside the set; the root stands for no path.
 */
import { canonicalElement, compareElements, type PathElement } from './path-element.ts';

export interface Fields {
  readonly [element: PathElement]: Fields;
}

type MutableFields = Record<PathElement, Fields>;

const SELF = '.';
/** The empty set as a root; a lone path as a node. */
export const EMPTY_FIELDS: Fields = Object.freeze({});

export function isEmptyFields(set: Fields): boolean {
  for (const _ in set) return false;
  return true;
}

/** The node is a path of the set. */
export function isMember(node: Fields): boolean {
  return node[SELF] !== undefined || isEmptyFields(node);
}

/** A node from what is below it, and whether it is a path itself; undefined when it is neither. */
export function makeNode(self: boolean, below: Fields | undefined): Fields | undefined {
  if (below === undefined || isEmptyFields(below)) return self ? EMPTY_FIELDS : undefined;
  if (!self || below[SELF] !== undefined) return below;
  return { [SELF]: EMPTY_FIELDS, ...below };
}

export function unionFields(a: Fields, b: Fields): Fields {
  if (a === b || isEmptyFields(b)) return a;
  return isEmptyFields(a) ? b : unionChildren(a, b);
}

function unionNodes(a: Fields, b: Fields): Fields {
  if (a === b) return a;
  if (isEmptyFields(b)) return makeNode(true, a) ?? a;
  if (isEmptyFields(a)) return makeNode(true, b) ?? b;
  return unionChildren(a, b);
}

function unionChildren(a: Fields, b: Fields): Fields {
  let out: MutableFields | undefined;
  for (const element in b) {
    const theirs = b[element] as Fields;
    const ours = a[element];
    const node = ours === undefined ? theirs : unionNodes(ours, theirs);
    if (node === ours) continue;
    out ??= element === SELF ? { [SELF]: EMPTY_FIELDS, ...a } : { ...a };
    out[element] = node;
  }
  return out ?? a;
}

/** Paths of `a` that are not in `b`; what is below a path of `b` stays. */
export function differenceOfFields(a: Fields, b: Fields): Fields {
  return subtract(a, b, false) ?? EMPTY_FIELDS;
}

/** Paths of `a` that are neither in `b` nor below a path of `b`. */
export function recursiveDifferenceOfFields(a: Fields, b: Fields): Fields {
  return subtract(a, b, true) ?? EMPTY_FIELDS;
}

/** Children of `a` that remain, and its self marker; undefined when nothing does. `a` itself when all do. */
function subtract(a: Fields, b: Fields, recursive: boolean): Fields | undefined {
  let out: MutableFields | undefined;
  let anyLeft = false;
  for (const element in a) {
    const ours = a[element] as Fields;
    const theirs = element === SELF ? undefined : b[element];
    const left = theirs === undefined ? ours : subtractNodes(ours, theirs, recursive);
    if (left !== undefined) anyLeft = true;
    if (left === ours) continue;
    out ??= { ...a };
    if (left === undefined) delete out[element];
    else out[element] = left;
  }
  if (out === undefined) return a;
  return anyLeft ? out : undefined;
}

function subtractNodes(a: Fields, b: Fields, recursive: boolean): Fields | undefined {
  const removesSelf = isMember(b);
  if (recursive && removesSelf) return undefined;
  const self = isMember(a) && !removesSelf;
  if (isEmptyFields(a)) return self ? a : undefined;
  const below = subtract(withoutSelf(a), b, recursive);
  const node = makeNode(self, below);
  return below !== undefined && self === (a[SELF] !== undefined) && sameKeys(node, a) ? a : node;
}

function withoutSelf(node: Fields): Fields {
  if (node[SELF] === undefined) return node;
  const { [SELF]: _, ...below } = node;
  return below;
}

function sameKeys(a: Fields | undefined, b: Fields): boolean {
  if (a === undefined) return false;
  for (const element in b) if (a[element] !== b[element]) return false;
  return true;
}

export function intersectFields(a: Fields, b: Fields): Fields {
  const out: MutableFields = {};
  for (const element in a) {
    const ours = a[element] as Fields;
    const theirs = b[element];
    if (element === SELF || theirs === undefined) continue;
    const below = isEmptyFields(ours) || isEmptyFields(theirs) ? undefined : intersectFields(ours, theirs);
    const node = makeNode(isMember(ours) && isMember(theirs), below);
    if (node !== undefined) out[element] = node;
  }
  return out;
}

/** The set below one element of a root or node. */
export function fieldsBelow(set: Fields, element: PathElement): Fields {
  const node = set[element];
  return node === undefined ? EMPTY_FIELDS : withoutSelf(node);
}

export function hasElement(set: Fields, element: PathElement): boolean {
  const node = set[element];
  return node !== undefined && isMember(node);
}

export function hasPath(set: Fields, path: readonly PathElement[]): boolean {
  let node: Fields | undefined = set;
  for (const element of path) {
    node = node[element];
    if (node === undefined) return false;
  }
  return path.length > 0 && isMember(node);
}

export function fieldsOfPath(path: readonly PathElement[]): Fields {
  return path.reduceRight<Fields>((below, element) => ({ [element]: below }), EMPTY_FIELDS);
}

export function fieldsOfPaths(paths: readonly (readonly PathElement[])[]): Fields {
  return paths.reduce<Fields>((set, path) => unionFields(set, fieldsOfPath(path)), EMPTY_FIELDS);
}

/** All paths: those that end at a level first, then those below, each in order. */
export function pathsOf(set: Fields, prefix: readonly PathElement[] = []): PathElement[][] {
  const elements = Object.keys(set)
    .filter((element) => element !== SELF)
    .sort(compareElements);
  const here = elements.filter((element) => hasElement(set, element)).map((element) => [...prefix, element]);
  const below = elements.flatMap((element) => pathsOf(set[element] as Fields, [...prefix, element]));
  return [...here, ...below];
}

/** The same set with the elements of every level in order. */
export function sortFields(set: Fields): Fields {
  const elements = Object.keys(set);
  let sorted = true;
  for (let i = 1; i < elements.length && sorted; i++) {
    sorted = compareElements(elements[i - 1] as string, elements[i] as string) < 0;
  }
  if (!sorted) elements.sort(compareElements);
  let out: MutableFields | undefined = sorted ? undefined : {};
  for (const element of elements) {
    const node = set[element] as Fields;
    const inOrder = isEmptyFields(node) ? node : sortFields(node);
    if (out === undefined && inOrder !== node) out = { ...set };
    if (out !== undefined) out[element] = inOrder;
  }
  return out ?? set;
}

/** Reads what a client wrote: elements made canonical, unknown ones dropped. Throws SyntaxError. */
export function parseFields(source: unknown): Fields {
  return typeof source === 'object' && source !== null ? parseNode(source).below : EMPTY_FIELDS;
}

function parseNode(source: object): { self: boolean; below: Fields } {
  let below: Fields = EMPTY_FIELDS;
  let self = false;
  for (const [key, value] of Object.entries(source)) {
    if (key === SELF) {
      self = true;
      continue;
    }
    const element = canonicalElement(key);
    if (element === undefined || typeof value !== 'object' || value === null) continue;
    const child = parseNode(value);
    const node = makeNode(child.self, child.below);
    if (node !== undefined) below = unionFields(below, { [element]: node });
  }
  return { self: self || isEmptyFields(below), below };
}
