/** JSON Patch, RFC 6902, with the habits of the library upstream uses. Source: gopkg.in/evanphx/json-patch.v4. */
import { ApiError, jsonEqual, stringifyExactJson } from '@kapella/base';
import { badPatch, unprocessable } from './errors.ts';
import { cloneJson, getKey, isPlain, jsonKind, type Plain, setKey } from './plain.ts';

const OPERATIONS_MAX = 10_000;
const COPY_SIZE_MAX_BYTES = 3 * 1024 * 1024;
const STRING_FIELDS = ['op', 'path', 'from'] as const;

type Container = Plain | unknown[];

/** Why an operation cannot be carried out. */
class OperationError extends Error {}

const missing = (text: string) => new OperationError(`${text}: missing value`);
const badIndex = (index: number) =>
  new OperationError(`Unable to access invalid index: ${index}: invalid index referenced`);

/**
 * The document after all operations; the input stays as it is, and what did not change is shared.
 * Throws ApiError BadRequest, RequestEntityTooLarge, or Invalid when an operation fails.
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  const operations = readOperations(patch);
  const target = new PatchTarget(document);
  try {
    for (const operation of operations) target.apply(operation);
  } catch (error) {
    if (error instanceof OperationError) throw unprocessable(error.message);
    throw error;
  }
  return target.root;
}

function readOperations(patch: unknown): readonly Plain[] {
  const wrong = (value: unknown, type: string) =>
    badPatch(`error decoding patch: json: cannot unmarshal ${jsonKind(value)} into Go ${type}`);
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw wrong(patch, 'value of type []handlers.jsonPatchOp');
  if (patch.length > OPERATIONS_MAX) {
    const allowed = `The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${patch.length}`;
    throw new ApiError('RequestEntityTooLarge', `Request entity too large: ${allowed}`);
  }
  for (const operation of patch) {
    if (!isPlain(operation)) throw wrong(operation, 'value of type handlers.jsonPatchOp');
    for (const field of STRING_FIELDS) {
      const value = getKey(operation, field) ?? '';
      if (typeof value !== 'string') throw wrong(value, `struct field jsonPatchOp.${field} of type string`);
    }
  }
  return patch;
}

class PatchTarget {
  root: unknown;
  /** Containers made here: they may be changed in place. */
  readonly #owned = new WeakSet<object>();
  #copiedBytes = 0;
  readonly #handlers: ReadonlyMap<string, (operation: Plain) => void> = new Map([
    ['add', (operation) => this.#add(operation)],
    ['remove', (operation) => this.#remove(operation)],
    ['replace', (operation) => this.#replace(operation)],
    ['move', (operation) => this.#move(operation)],
    ['test', (operation) => this.#test(operation)],
    ['copy', (operation) => this.#copy(operation)],
  ]);

  constructor(root: unknown) {
    this.root = root;
  }

  apply(operation: Plain): void {
    const kind = String(getKey(operation, 'op') ?? 'unknown');
    const handler = this.#handlers.get(kind);
    if (handler === undefined) throw new OperationError(`Unexpected kind: ${kind}`);
    handler(operation);
  }

  #add(operation: Plain): void {
    const path = pathOf(operation, 'path', 'add operation failed to decode path');
    const place = this.#find(path);
    if (place === undefined) throw missing(`add operation does not apply: doc is missing path: "${path}"`);
    within(`error in add for path: '${path}'`, () => place.add(newValueOf(operation)));
  }

  #remove(operation: Plain): void {
    const path = pathOf(operation, 'path', 'remove operation failed to decode path');
    const place = this.#find(path);
    if (place === undefined) throw missing(`remove operation does not apply: doc is missing path: "${path}"`);
    within(`error in remove for path: '${path}'`, () => place.remove());
  }

  #replace(operation: Plain): void {
    const path = pathOf(operation, 'path', 'replace operation failed to decode path: operation missing path field');
    const value = newValueOf(operation);
    if (path === '') {
      if (typeof value !== 'object' || value === null) {
        throw new OperationError('replace operation value must be object or array');
      }
      this.root = value;
      return;
    }
    const place = this.#find(path);
    if (place === undefined) throw missing(`replace operation does not apply: doc is missing path: ${path}`);
    try {
      place.get();
    } catch (error) {
      if (!(error instanceof OperationError)) throw error;
      throw missing(`replace operation does not apply: doc is missing key: ${path}`);
    }
    place.set(value);
  }

  #move(operation: Plain): void {
    const from = pathOf(operation, 'from', 'move operation failed to decode from: operation, missing from field');
    const source = this.#find(from);
    if (source === undefined) throw missing(`move operation does not apply: doc is missing from path: ${from}`);
    const value = within(`error in move for path: '${source.key}'`, () => {
      const found = source.get();
      source.remove();
      return found ?? null;
    });
    const path = pathOf(operation, 'path', 'move operation failed to decode path: operation missing path field');
    const place = this.#find(path);
    if (place === undefined) throw missing(`move operation does not apply: doc is missing destination path: ${path}`);
    within(`error in move for path: '${path}'`, () => place.add(value));
  }

  #test(operation: Plain): void {
    const path = pathOf(operation, 'path', 'test operation failed to decode path: operation missing path field');
    const failed = new OperationError(`testing value ${path} failed: test failed`);
    const expected = getKey(operation, 'value') ?? null;
    if (path === '') {
      if (jsonEqual(this.root, expected)) return;
      throw failed;
    }
    const place = this.#find(path);
    if (place === undefined) throw missing(`test operation does not apply: is missing path: ${path}`);
    const found = within(`error in test for path: '${path}'`, () => place.get()) ?? null;
    if (!jsonEqual(found, expected)) throw failed;
  }

  #copy(operation: Plain): void {
    const from = pathOf(operation, 'from', 'copy operation failed to decode from: operation, missing from field');
    const source = this.#find(from);
    if (source === undefined) throw missing(`copy operation does not apply: doc is missing from path: ${from}`);
    const value = within(`error in copy for from: '${from}'`, () => source.get()) ?? null;
    const path = pathOf(operation, 'path', 'copy operation failed to decode path');
    const place = this.#find(path);
    if (place === undefined) throw missing(`copy operation does not apply: doc is missing destination path: ${path}`);
    this.#copiedBytes += stringifyExactJson(value).length;
    if (this.#copiedBytes > COPY_SIZE_MAX_BYTES) {
      throw new OperationError(
        `Unable to complete the copy, the accumulated size increase of copy is ${this.#copiedBytes}, ` +
          `exceeding the limit ${COPY_SIZE_MAX_BYTES}`,
      );
    }
    within('error while adding value during copy', () => place.add(cloneJson(value)));
  }

  /** undefined when something on the way is missing or is no container. */
  #find(path: string): Place | undefined {
    const parts = path.split('/');
    if (parts.length < 2) return undefined;
    const keys = parts.slice(1).map(decodeKey);
    if (!isContainer(this.root)) return undefined;
    let node: Container = this.root;
    for (const key of keys.slice(0, -1)) {
      const next = childOf(node, key);
      if (!isContainer(next)) return undefined;
      node = next;
    }
    return new Place(node, keys.at(-1) ?? '', () => this.#ownedAlong(keys.slice(0, -1)));
  }

  /** The container at `keys`, itself and all above it copied once so that they may be changed. */
  #ownedAlong(keys: readonly string[]): Container {
    let node = this.#own(this.root as Container);
    this.root = node;
    for (const key of keys) {
      const child = this.#own(childOf(node, key) as Container);
      if (Array.isArray(node)) node[indexOf(node, key)] = child;
      else setKey(node, key, child);
      node = child;
    }
    return node;
  }

  #own(container: Container): Container {
    if (this.#owned.has(container)) return container;
    const copy = Array.isArray(container) ? [...container] : { ...container };
    this.#owned.add(copy);
    return copy;
  }
}

/** A key in a container; the container is copied before its first change. */
class Place {
  readonly key: string;
  readonly #container: Container;
  readonly #own: () => Container;

  constructor(container: Container, key: string, own: () => Container) {
    this.#container = container;
    this.key = key;
    this.#own = own;
  }

  /** undefined for a key that an object has not; arrays throw. */
  get(): unknown {
    if (!Array.isArray(this.#container)) return getKey(this.#container, this.key);
    return this.#container[existingIndex(this.#container, this.key)];
  }

  set(value: unknown): void {
    const container = this.#own();
    if (Array.isArray(container)) container[existingIndex(container, this.key)] = value;
    else setKey(container, this.key, value);
  }

  add(value: unknown): void {
    const container = this.#own();
    if (!Array.isArray(container)) setKey(container, this.key, value);
    else if (this.key === '-') container.push(value);
    else container.splice(insertionIndex(container, this.key), 0, value);
  }

  remove(): void {
    const container = this.#own();
    if (Array.isArray(container)) container.splice(existingIndex(container, this.key), 1);
    else if (Object.hasOwn(container, this.key)) delete container[this.key];
    else throw missing(`Unable to remove nonexistent key: ${this.key}`);
  }
}

/** Adds where it happened to the error. */
function within<T>(where: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof OperationError) throw new OperationError(`${where}: ${error.message}`);
    throw error;
  }
}

function pathOf(operation: Plain, field: 'path' | 'from', otherwise: string): string {
  const value = getKey(operation, field);
  if (typeof value !== 'string') throw missing(otherwise);
  return value;
}

const newValueOf = (operation: Plain): unknown => getKey(operation, 'value') ?? null;
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null;
const decodeKey = (key: string): string => key.replace(/~[01]/g, (code) => (code === '~1' ? '/' : '~'));

function childOf(container: Container, key: string): unknown {
  if (!Array.isArray(container)) return getKey(container, key);
  return /^[-+]?[0-9]+$/.test(key) ? container[indexOf(container, key)] : undefined;
}

/** Negative indexes count from the end. */
function indexOf(array: readonly unknown[], key: string): number {
  const index = Number(key);
  return index < 0 ? index + array.length : index;
}

function readIndex(key: string, prefix: string): number {
  if (/^[-+]?[0-9]+$/.test(key)) return Number(key);
  throw new OperationError(`${prefix}strconv.Atoi: parsing ${JSON.stringify(key)}: invalid syntax`);
}

function existingIndex(array: readonly unknown[], key: string): number {
  const index = readIndex(key, '');
  if (index >= array.length || index < -array.length) throw badIndex(index);
  return indexOf(array, key);
}

function insertionIndex(array: readonly unknown[], key: string): number {
  const index = readIndex(key, `value was not a proper array index: '${key}': `);
  if (index > array.length || index < -array.length - 1) throw badIndex(index);
  return index < 0 ? index + array.length + 1 : index;
}
