/** Types as server-side apply sees them, made from the type facts. Source: kube-openapi pkg/schemaconv, smd schema. */
import type { FieldFact, TypeFact, TypeFacts } from '../schema.ts';

export type ScalarKind = 'numeric' | 'string' | 'boolean' | 'untyped';

/** What a value may be; mostly one of the three. Untyped values may be any. */
export interface ApplyType {
  readonly scalar?: ScalarKind;
  readonly list?: ListType;
  readonly map?: MapType;
}

export interface ListType {
  readonly item: ApplyType;
  /** Items are told apart, by `keys` or, without keys, by themselves. Otherwise the list is replaced as a whole. */
  readonly associative: boolean;
  /** Sorted. */
  readonly keys: readonly string[];
  /** What an item has that does not say; undefined when nothing. */
  keyDefault(key: string): unknown;
}

export interface MapType {
  /** Type of a declared field. */
  field(name: string): ApplyType | undefined;
  /** Type of all other values; undefined when there may be none. */
  readonly values: ApplyType | undefined;
  /** Replaced as a whole. */
  readonly atomic: boolean;
  /** Nothing is declared: fields are owned one by one, whatever they are. */
  readonly untyped: boolean;
}

const NO_KEYS: readonly string[] = [];
const noField = (): undefined => undefined;

function createUntyped(): { atomic: ApplyType; deduced: ApplyType } {
  const listOf = (item: ApplyType): ListType => ({ item, associative: false, keys: NO_KEYS, keyDefault: noField });
  const atomic: { scalar: 'untyped'; list?: ListType; map?: MapType } = { scalar: 'untyped' };
  atomic.list = listOf(atomic);
  atomic.map = { field: noField, values: atomic, atomic: true, untyped: true };
  const deduced: { scalar: 'untyped'; list?: ListType; map?: MapType } = { scalar: 'untyped', list: listOf(atomic) };
  deduced.map = { field: noField, values: deduced, atomic: false, untyped: true };
  return { atomic: Object.freeze(atomic), deduced: Object.freeze(deduced) };
}

const untyped = createUntyped();

/** Any value; maps and lists are replaced as a whole. */
export const ATOMIC_TYPE: ApplyType = untyped.atomic;
/** Any value; fields of maps are owned one by one, lists as a whole. For objects without a schema. */
export const DEDUCED_TYPE: ApplyType = untyped.deduced;

const SCALARS: Readonly<Record<ScalarKind, ApplyType>> = {
  numeric: { scalar: 'numeric' },
  string: { scalar: 'string' },
  boolean: { scalar: 'boolean' },
  untyped: { scalar: 'untyped' },
};

export function scalarType(kind: ScalarKind): ApplyType {
  return SCALARS[kind];
}

const BY_FACT: ReadonlyMap<string, ApplyType> = new Map([
  ['string', SCALARS.string],
  ['bytes', SCALARS.string],
  ['Duration', SCALARS.string],
  ['boolean', SCALARS.boolean],
  ['int32', SCALARS.numeric],
  ['int64', SCALARS.numeric],
  ['double', SCALARS.numeric],
  ['Time', SCALARS.untyped],
  ['MicroTime', SCALARS.untyped],
  ['Quantity', SCALARS.untyped],
  ['RawExtension', ATOMIC_TYPE],
  ['StringList', { list: { item: SCALARS.string, associative: false, keys: NO_KEYS, keyDefault: noField } }],
  // OpenAPI gives these no type at all.
  ['IntOrString', DEDUCED_TYPE],
  ['JSON', DEDUCED_TYPE],
  ['JSONSchemaPropsOrArray', DEDUCED_TYPE],
  ['JSONSchemaPropsOrBool', DEDUCED_TYPE],
  ['JSONSchemaPropsOrStringArray', DEDUCED_TYPE],
  ['FieldsV1', { map: { field: noField, values: DEDUCED_TYPE, atomic: false, untyped: true } }],
]);

/** Builds the types of the built-in kinds, each once. */
export class ApplySchema {
  readonly #facts: TypeFacts;
  readonly #types = new Map<string, ApplyType>();

  constructor(facts: TypeFacts) {
    this.#facts = facts;
  }

  /** undefined for a type that has no facts. */
  type(typeId: string): ApplyType | undefined {
    const known = this.#types.get(typeId);
    if (known !== undefined) return known;
    const fact = this.#facts.type(typeId);
    if (fact === undefined) return undefined;
    const type: ApplyType = { map: new StructType(fact, this, fact.atomic === true) };
    this.#types.set(typeId, type);
    return type;
  }

  /** The value of a field without what the field says about being atomic. */
  reference(fact: FieldFact): ApplyType {
    return BY_FACT.get(fact.type) ?? this.type(fact.type) ?? DEDUCED_TYPE;
  }

  field(fact: FieldFact): ApplyType {
    const value = this.reference(fact);
    if (fact.shape === 'list') return { list: this.#list(fact, value) };
    if (fact.shape === 'map') {
      return { map: { field: noField, values: value, atomic: fact.atomic === true, untyped: value === DEDUCED_TYPE } };
    }
    const { map } = value;
    if (fact.atomic === undefined || map === undefined || map.atomic === fact.atomic) return value;
    return map instanceof StructType ? { map: map.withAtomic(fact.atomic) } : value;
  }

  #list(fact: FieldFact, item: ApplyType): ListType {
    const merges = fact.listType === undefined && fact.patchStrategy?.includes('merge') === true;
    const mergeKeys = fact.patchMergeKey === undefined ? NO_KEYS : [fact.patchMergeKey];
    const keys = merges ? mergeKeys : fact.listType === 'map' ? (fact.listMapKeys ?? NO_KEYS) : NO_KEYS;
    const defaults = new Map(keys.map((key) => [key, zeroOf(this.#facts.field(fact.type, key))]));
    return {
      item,
      associative: merges || fact.listType === 'map' || fact.listType === 'set',
      keys: keys.toSorted(),
      keyDefault: (key) => defaults.get(key),
    };
  }
}

class StructType implements MapType {
  readonly atomic: boolean;
  readonly values: ApplyType | undefined;
  readonly untyped: boolean;
  readonly #fact: TypeFact;
  readonly #schema: ApplySchema;
  readonly #fields = new Map<string, ApplyType | undefined>();
  readonly #facts: ReadonlyMap<string, FieldFact>;

  constructor(fact: TypeFact, schema: ApplySchema, atomic: boolean) {
    this.#fact = fact;
    this.#schema = schema;
    this.#facts = new Map(fact.fields.map((field) => [field.name, field]));
    this.atomic = atomic;
    this.untyped = fact.fields.length === 0;
    this.values = this.untyped ? DEDUCED_TYPE : undefined;
  }

  field(name: string): ApplyType | undefined {
    const known = this.#fields.get(name);
    if (known !== undefined) return known;
    const fact = this.#facts.get(name);
    if (fact === undefined) return undefined;
    const type = this.#schema.field(fact);
    this.#fields.set(name, type);
    return type;
  }

  withAtomic(atomic: boolean): MapType {
    return new StructType(this.#fact, this.#schema, atomic);
  }
}

/** OpenAPI gives a default to what Go always writes. */
function zeroOf(fact: FieldFact | undefined): unknown {
  if (fact === undefined) return undefined;
  if (fact.default !== undefined) return fact.default;
  if (fact.emit !== true || fact.pointer === true || fact.shape !== 'single') return undefined;
  const { scalar } = BY_FACT.get(fact.type) ?? {};
  if (scalar === 'string') return '';
  if (scalar === 'boolean') return false;
  return scalar === 'numeric' ? 0 : undefined;
}

/** What Go writes for the zero value of a type: what a new object is compared with. */
export function emptyObjectOf(typeId: string, facts: TypeFacts): Record<string, unknown> {
  const object: Record<string, unknown> = {};
  for (const field of facts.type(typeId)?.fields ?? []) {
    if (field.emit !== true) continue;
    if (field.shape !== 'single' || field.pointer === true) object[field.name] = null;
    else if (field.type.includes('.')) object[field.name] = emptyObjectOf(field.type, facts);
    else object[field.name] = zeroOf(field) ?? null;
  }
  return object;
}
