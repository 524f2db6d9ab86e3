/** Lays an applied configuration over a live object. Source: structured-merge-diff v6 typed/merge.go. */
import { elementOfItem } from './list-items.ts';
import type { PathElement } from './path-element.ts';
import type { ApplyType, ListType, MapType } from './schema.ts';
import { getKey, isPlain, type Plain, setKey, shapeFor } from './values.ts';

/** The live object with every value of `config` in place; neither input changes. */
export function mergeObjects(live: unknown, config: unknown, type: ApplyType): unknown {
  return mergeValues(live, config, type);
}

/** undefined stands for an absent value, in and out. */
function mergeValues(live: unknown, config: unknown, type: ApplyType): unknown {
  // Of a type with several parts, the configuration's kind of value decides.
  switch (shapeFor(type, config === undefined ? live : config)) {
    case 'map':
      return mergeMaps(live, config, type.map as MapType);
    case 'list':
      return mergeLists(live, config, type.list as ListType);
    case 'scalar':
      return keepConfig(live, config);
    default:
      return undefined;
  }
}

function keepConfig(live: unknown, config: unknown): unknown {
  return config === undefined ? live : config;
}

function mergeMaps(live: unknown, config: unknown, type: MapType): unknown {
  const left = isPlain(live) ? live : NOTHING;
  const right = isPlain(config) ? config : NOTHING;
  if (type.atomic || (isBlank(left) && isBlank(right))) return keepConfig(live, config);
  const out: Plain = {};
  for (const key of Object.keys(left)) mergeField(out, key, left[key], getKey(right, key), type);
  for (const key of Object.keys(right)) {
    if (!Object.hasOwn(left, key)) mergeField(out, key, undefined, right[key], type);
  }
  return isBlank(out) ? undefined : out;
}

const NOTHING: Readonly<Plain> = Object.freeze({});

function mergeField(out: Plain, key: string, live: unknown, config: unknown, type: MapType): void {
  const fieldType = type.field(key) ?? type.values;
  const value = fieldType === undefined ? keepConfig(live, config) : mergeValues(live, config, fieldType);
  if (value !== undefined) setKey(out, key, value);
}

function isBlank(map: Readonly<Plain>): boolean {
  for (const _ in map) return false;
  return true;
}

function mergeLists(live: unknown, config: unknown, type: ListType): unknown {
  const left = Array.isArray(live) ? live : undefined;
  const right = Array.isArray(config) ? config : undefined;
  const blank = (left === undefined || left.length === 0) && (right === undefined || right.length === 0);
  if (!type.associative || blank) return keepConfig(live, config);
  const out = new ListMerge(type, left ?? [], right ?? []).run();
  return out.length > 0 ? out : undefined;
}

interface Indexed {
  readonly items: readonly { readonly element: PathElement; readonly item: unknown }[];
  readonly byElement: ReadonlyMap<PathElement, unknown>;
}

/** Keeps the order of the configuration, and puts items that only the live list has where they stood. */
class ListMerge {
  readonly #type: ListType;
  readonly #live: Indexed;
  readonly #config: Indexed;
  readonly #done = new Set<PathElement>();
  /** Elements that both lists have, in the order of the configuration. */
  readonly #shared: PathElement[];
  #nextShared = 0;
  readonly #out: unknown[] = [];

  constructor(type: ListType, live: readonly unknown[], config: readonly unknown[]) {
    this.#type = type;
    this.#live = indexItems(live, type);
    this.#config = indexItems(config, type);
    const both = this.#config.items.filter(({ element }) => this.#live.byElement.has(element));
    this.#shared = both.map(({ element }) => element);
  }

  run(): unknown[] {
    const live = this.#live.items;
    const config = this.#config.items;
    let l = 0;
    let c = 0;
    while (l < live.length || c < config.length) {
      const ours = live[l];
      const theirs = config[c];
      switch (this.#next(ours?.element, theirs?.element)) {
        case 'keep':
          this.#push(ours?.item, undefined);
          l++;
          break;
        case 'skip':
          l++;
          break;
        case 'both':
          l++;
          this.#take(theirs?.element ?? '');
          c++;
          break;
        case 'take':
          this.#take(theirs?.element ?? '');
          c++;
      }
    }
    return this.#out;
  }

  /** What to do where both lists stand; undefined at the end of one. */
  #next(ours: PathElement | undefined, theirs: PathElement | undefined): 'keep' | 'skip' | 'both' | 'take' {
    if (ours === undefined) return 'take';
    if (!this.#config.byElement.has(ours)) return 'keep';
    if (theirs === undefined) return 'skip';
    if (ours === theirs) return 'both';
    if (this.#isOutOfOrder(ours)) return 'skip'; // it comes when its turn is
    return this.#done.has(ours) ? 'both' : 'take';
  }

  /** The configuration wants another shared item before this one. */
  #isOutOfOrder(ours: PathElement): boolean {
    const shared = this.#shared[this.#nextShared];
    return shared !== undefined && shared !== ours;
  }

  #take(element: PathElement): void {
    this.#done.add(element);
    if (this.#shared[this.#nextShared] === element) this.#nextShared++;
    this.#push(this.#live.byElement.get(element), this.#config.byElement.get(element));
  }

  #push(live: unknown, config: unknown): void {
    const value = mergeValues(live, config, this.#type.item);
    if (value !== undefined) this.#out.push(value);
  }
}

/** Items of the live list that cannot be told apart are replaced as one. */
function indexItems(list: readonly unknown[], type: ListType): Indexed {
  const items: { element: PathElement; item: unknown }[] = [];
  const byElement = new Map<PathElement, unknown>();
  for (const item of list) {
    const found = elementOfItem(type, item);
    if ('problem' in found) continue;
    items.push({ element: found.element, item });
    byElement.set(found.element, byElement.has(found.element) ? null : item);
  }
  return { items, byElement };
}
