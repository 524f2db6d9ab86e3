/** What decoding needs of the type facts, prepared once per type: no string is compared while objects are read. */
import type { FieldFact, TypeFacts } from '../schema.ts';

/** Kind of a value: chosen from the fact's type when the plan is made. */
export type Op =
  | 'string'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'quantity'
  | 'intOrString'
  | 'raw'
  | 'strings'
  | 'schemaOrArray'
  | 'schemaOrBool'
  | 'schemaOrStrings'
  | 'struct';

export interface FieldPlan {
  readonly fact: FieldFact;
  /** Go name of the struct that has the field. */
  readonly owner: string;
  readonly op: Op;
  /** Of the element: an object, list or map is of such. */
  readonly typeId: string;
  /** Zero values are dropped: Go would not write them. */
  readonly dropZero: boolean;
}

export interface TypePlan {
  readonly id: string;
  readonly fields: ReadonlyMap<string, FieldPlan>;
  /** Fields that Go always writes and that are filled in when absent. */
  readonly emits: readonly FieldPlan[];
}

const OPS: ReadonlyMap<string, Op> = new Map<string, Op>([
  ['string', 'string'],
  ['boolean', 'boolean'],
  ['int32', 'int32'],
  ['int64', 'int64'],
  ['double', 'double'],
  ['bytes', 'bytes'],
  ['Time', 'time'],
  ['MicroTime', 'microTime'],
  ['Duration', 'duration'],
  ['Quantity', 'quantity'],
  ['IntOrString', 'intOrString'],
  ['RawExtension', 'raw'],
  ['FieldsV1', 'raw'],
  ['JSON', 'raw'],
  ['StringList', 'strings'],
  ['JSONSchemaPropsOrArray', 'schemaOrArray'],
  ['JSONSchemaPropsOrBool', 'schemaOrBool'],
  ['JSONSchemaPropsOrStringArray', 'schemaOrStrings'],
]);

/** Values that have a zero to fill in. The others stay absent: Go's null and absent mean the same to a reader. */
const FILLED: ReadonlySet<Op> = new Set<Op>([
  'string',
  'boolean',
  'int32',
  'int64',
  'double',
  'struct',
  'intOrString',
  'quantity',
  'strings',
]);

export function planType(id: string, facts: TypeFacts): TypePlan {
  const type = facts.type(id);
  if (type === undefined) throw new Error(`no facts about the type ${id}`);
  const owner = id.slice(id.lastIndexOf('.') + 1);
  const fields = new Map<string, FieldPlan>();
  const emits: FieldPlan[] = [];
  for (const fact of type.fields) {
    const op = opOf(fact.type);
    const plan = { fact, owner, op, typeId: fact.type, dropZero: dropsZero(fact, op) };
    fields.set(fact.name, plan);
    if (isFilled(fact, op)) emits.push(plan);
  }
  return { id, fields, emits };
}

/**
 * An optional port of zero or text of no length counts as absent although Go writes it: defaulting replaces both. So
 * does an optional list that Go would write as null.
 */
export function dropsZero(fact: FieldFact, op: Op): boolean {
  if (fact.pointer === true) return false;
  return (
    fact.emit !== true ||
    (fact.required !== true && (op === 'intOrString' || op === 'string' || fact.shape !== 'single'))
  );
}

export function opOf(type: string): Op {
  return OPS.get(type) ?? 'struct';
}

/** What Go always writes, except what `dropsZero` takes for absent. */
export function isFilled(fact: FieldFact, op: Op): boolean {
  if (fact.emit !== true) return false;
  if (fact.shape !== 'single') return fact.required === true;
  return FILLED.has(op) && !dropsZero(fact, op);
}

const GO_NAMES: Readonly<Partial<Record<Op, string>>> = {
  boolean: 'bool',
  double: 'float64',
  bytes: '[]uint8',
  time: 'v1.Time',
  microTime: 'v1.MicroTime',
  duration: 'v1.Duration',
  quantity: 'resource.Quantity',
  intOrString: 'intstr.IntOrString',
  raw: 'runtime.RawExtension',
  strings: '[]string',
};

/** Go's name of the type of a field's element: `int32`, `v1.Protocol`, `v1.Container`. */
export function goElementName({ fact, op, typeId }: FieldPlan): string {
  if (op === 'struct') return goTypeName(typeId);
  return (op === 'string' ? fact.goName : undefined) ?? GO_NAMES[op] ?? op;
}

/** Go's name of the type of a field: `[]v1.Container`, `map[string]string`, `v1.ResourceList`. */
export function goFieldName(field: FieldPlan): string {
  const { shape, goName } = field.fact;
  if (shape === 'single') return goElementName(field);
  if (goName !== undefined && field.op === 'quantity') return goName;
  return `${shape === 'list' ? '[]' : 'map[string]'}${goElementName(field)}`;
}

/** `core/v1.Container` -> `v1.Container`. */
export function goTypeName(typeId: string): string {
  return typeId.slice(typeId.lastIndexOf('/') + 1);
}
