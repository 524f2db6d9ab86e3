/**
 * From parsed JSON to an object of a built-in type: checked, unknown fields dropped, as a round trip through Go's
 * struct leaves it. Source: sigs.k8s.io/json decode.go for wording and order.
 *
 * - The value belongs to the decoder: parts of it are kept in the result.
 * - Null fields, and zero values that Go would not write, are absent in the result; fields that Go always writes are
 *   present (`{}`, '', 0, `[]` where Go writes null).
 * - A value of the wrong type throws DecodeError with Go's message: the first in document order.
 */
import { Quantity } from '../quantity/index.ts';
import type { TypeFacts } from '../schema.ts';
import type { FieldPlan, TypePlan } from './plan.ts';
import { goElementName, goFieldName, goTypeName, planType } from './plan.ts';
import { formatDuration, normalizeMicroTime, normalizeTime, parseDuration } from './time.ts';

/** A value that does not fit its type. The message is what Go's decoder says, `json: cannot unmarshal ...`. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

export interface Decoded {
  readonly object: Readonly<Record<string, unknown>>;
  /** Paths of fields that the type does not have, `spec.containers[0].foo`, in document order. */
  readonly unknown: readonly string[];
}

export interface Decoder {
  /** `typeId` must be one that the facts know. */
  decode(value: unknown, typeId: string): Decoded;
}

type Fields = Record<string, unknown>;

const UNKNOWN_MAX = 100; // upstream stops collecting there
const INT32_MAX = 2_147_483_647;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const SCHEMA = 'apiextensions/v1.JSONSchemaProps';

/** Keeps the plans of the types it has met. */
export function createDecoder(facts: TypeFacts): Decoder {
  const plans = new Map<string, TypePlan>();
  const planOf = (id: string) => {
    let plan = plans.get(id);
    if (plan === undefined) {
      plan = planType(id, facts);
      plans.set(id, plan);
    }
    return plan;
  };
  return { decode: (value, typeId) => new Decoding(planOf).run(value, typeId) };
}

/** State of one decoding: where it is, and what it has found. */
class Decoding {
  readonly #planOf: (id: string) => TypePlan;
  /** Struct fields, map keys and list indexes from the root to the value being read. */
  readonly #path: (FieldPlan | string | number)[] = [];
  readonly #unknown: string[] = [];
  /** Greater than zero inside values that upstream decodes without strictness. */
  #lenient = 0;

  constructor(planOf: (id: string) => TypePlan) {
    this.#planOf = planOf;
  }

  run(value: unknown, typeId: string): Decoded {
    if (!isObject(value))
      throw new DecodeError(`json: cannot unmarshal ${describe(value)} into Go value of type ${goTypeName(typeId)}`);
    return { object: this.#struct(value, this.#planOf(typeId)), unknown: this.#unknown };
  }

  #struct(value: Fields, plan: TypePlan): Fields {
    const out: Fields = {};
    for (const key of Object.keys(value)) {
      const field = plan.fields.get(key);
      if (field === undefined) this.#addUnknown(key);
      else {
        const raw = value[key];
        if (raw === null || raw === undefined) continue;
        this.#path.push(field);
        const decoded = this.#field(raw, field);
        this.#path.pop();
        if (decoded !== undefined) out[key] = decoded;
      }
    }
    const { emits } = plan;
    for (let i = 0; i < emits.length; i++) {
      const field = emits[i] as FieldPlan;
      if (out[field.fact.name] === undefined) out[field.fact.name] = this.#zero(field);
    }
    return out;
  }

  #field(value: unknown, field: FieldPlan): unknown {
    switch (field.fact.shape) {
      case 'single':
        return this.#single(value, field);
      case 'list': {
        if (!Array.isArray(value)) return this.#mismatch(value, goFieldName(field));
        if (value.length === 0 && field.dropZero) return undefined;
        return this.#list(value, field);
      }
      default:
        if (!isObject(value)) return this.#mismatch(value, goFieldName(field));
        return this.#map(value, field);
    }
  }

  #single(value: unknown, field: FieldPlan): unknown {
    const decoded = this.#element(value, field);
    if (!field.dropZero) return decoded;
    if (decoded === '' || decoded === 0 || decoded === false) return undefined;
    if (field.op === 'struct' && Object.keys(decoded as Fields).length === 0) return undefined;
    return decoded;
  }

  /** In place: most lists hold what they should. A null element is Go's zero value. */
  #list(value: unknown[], field: FieldPlan): unknown[] {
    for (let i = 0; i < value.length; i++) {
      const element = value[i];
      if (element === null) value[i] = this.#zeroElement(field);
      else {
        this.#path.push(i);
        value[i] = this.#element(element, field);
        this.#path.pop();
      }
    }
    return value;
  }

  /** Kept as it is when nothing changes, so that a key like `__proto__` stays the own property that it is. */
  #map(value: Fields, field: FieldPlan): Fields | undefined {
    let entries: [string, unknown][] | undefined;
    const keys = Object.keys(value);
    if (keys.length === 0 && field.dropZero) return undefined;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as string;
      const element = value[key];
      if (field.op === 'string' && typeof element === 'string') continue;
      this.#path.push(key);
      const decoded = element === null ? this.#zeroElement(field) : this.#element(element, field);
      this.#path.pop();
      if (decoded === element) continue;
      entries ??= Object.entries(value);
      (entries[i] as [string, unknown])[1] = decoded;
    }
    return entries === undefined ? value : Object.fromEntries(entries);
  }

  #element(value: unknown, field: FieldPlan): unknown {
    switch (field.op) {
      case 'string':
        return typeof value === 'string' ? value : this.#mismatch(value, goElementName(field));
      case 'boolean':
        return typeof value === 'boolean' ? value : this.#mismatch(value, 'bool');
      case 'int32':
        return this.#integer(value, 'int32', INT32_MAX);
      case 'int64':
        return this.#integer(value, 'int64', Number.POSITIVE_INFINITY);
      case 'double':
        return typeof value === 'number' || typeof value === 'bigint'
          ? Number(value)
          : this.#mismatch(value, 'float64');
      case 'struct':
        return isObject(value)
          ? this.#struct(value, this.#planOf(field.typeId))
          : this.#mismatch(value, goElementName(field));
      case 'raw':
        return value;
      case 'strings':
        return this.#strings(value);
      default:
        return this.#special(value, field);
    }
  }

  #special(value: unknown, field: FieldPlan): unknown {
    switch (field.op) {
      case 'quantity':
        return this.#quantity(value);
      case 'intOrString':
        return typeof value === 'string' ? value : this.#integer(value, 'int32', INT32_MAX);
      case 'bytes':
        return this.#bytes(value);
      case 'time':
        return this.#text(value, normalizeTime);
      case 'microTime':
        return this.#text(value, normalizeMicroTime);
      case 'duration':
        return this.#text(value, (text) => formatDuration(parseDuration(text)));
      default:
        return this.#schema(value, field);
    }
  }

  /** Patches and CBOR give bigints beyond 2^53, for custom resources. */
  #integer(given: unknown, name: string, max: number): number {
    const value = typeof given === 'bigint' ? Number(given) : given;
    if (typeof value !== 'number') return this.#mismatch(value, name);
    if (!Number.isInteger(value) || value > max || value < -max - 1)
      return this.#mismatch(value, name, `number ${value}`);
    return value;
  }

  #quantity(value: unknown): string {
    const text = typeof value === 'string' ? value.trim() : String(value);
    return this.#convert(() => Quantity.parse(text).toString());
  }

  #text(value: unknown, normalize: (text: string) => string): string {
    if (typeof value !== 'string') return this.#mismatch(value, 'string');
    return this.#convert(() => normalize(value));
  }

  #convert(convert: () => string): string {
    try {
      return convert();
    } catch (error) {
      throw new DecodeError((error as Error).message, { cause: error });
    }
  }

  #bytes(value: unknown): string {
    if (typeof value !== 'string') return this.#mismatch(value, '[]uint8');
    if (BASE64.test(value)) return value;
    const bare = value.replace(/[\r\n]/g, ''); // Go's decoder ignores line breaks
    if (BASE64.test(bare)) return bare;
    throw new DecodeError(`illegal base64 data at input byte ${illegalByte(value)}`);
  }

  #strings(value: unknown): unknown[] {
    if (!Array.isArray(value)) return this.#mismatch(value, '[]string');
    return value.map((item: unknown) =>
      item === null ? '' : typeof item === 'string' ? item : this.#mismatch(item, 'string'),
    );
  }

  /** A JSON schema, or one of the shorter forms that stand for one. */
  #schema(value: unknown, field: FieldPlan): unknown {
    const plan = this.#planOf(SCHEMA);
    this.#lenient++;
    try {
      if (isObject(value)) return this.#struct(value, plan);
      if (field.op === 'schemaOrBool') {
        if (typeof value === 'boolean') return value;
        throw new DecodeError('boolean or JSON schema expected');
      }
      if (!Array.isArray(value)) return undefined;
      if (field.op === 'schemaOrStrings') return this.#strings(value);
      return value.map((v: unknown) => (isObject(v) ? this.#struct(v, plan) : this.#mismatch(v, 'v1.JSONSchemaProps')));
    } finally {
      this.#lenient--;
    }
  }

  #zero(field: FieldPlan): unknown {
    if (field.fact.shape === 'list') return [];
    return field.fact.shape === 'map' ? {} : this.#zeroElement(field);
  }

  #zeroElement(field: FieldPlan): unknown {
    switch (field.op) {
      case 'struct':
        return this.#struct({}, this.#planOf(field.typeId));
      case 'boolean':
        return false;
      case 'int32':
      case 'int64':
      case 'double':
      case 'intOrString':
        return 0;
      case 'quantity':
        return '0';
      case 'strings':
        return [];
      case 'raw':
      case 'time':
      case 'microTime':
        return null; // Go's zero time
      default:
        return '';
    }
  }

  #addUnknown(key: string): void {
    if (this.#lenient > 0 || this.#unknown.length >= UNKNOWN_MAX) return;
    const prefix = this.#strictPath();
    this.#unknown.push(prefix === '' ? key : `${prefix}.${key}`);
  }

  #strictPath(): string {
    let text = '';
    for (const step of this.#path) {
      if (typeof step === 'number') text += `[${step}]`;
      else text += `${text === '' ? '' : '.'}${typeof step === 'string' ? step : step.fact.name}`;
    }
    return text;
  }

  #mismatch(value: unknown, goType: string, described: string = describe(value)): never {
    const fields = this.#path.filter((step): step is FieldPlan => typeof step === 'object');
    const names = fields.flatMap((field) => [...(field.fact.embeds ?? []), field.fact.name]);
    const target = `Go struct field ${fields.at(-1)?.owner ?? ''}.${names.join('.')} of type ${goType}`;
    throw new DecodeError(`json: cannot unmarshal ${described} into ${target}`);
  }
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : value === null ? 'null' : typeof value;
}

function illegalByte(text: string): number {
  const bad = /[^A-Za-z0-9+/=\r\n]/.exec(text)?.index ?? text.indexOf('=');
  return bad < 0 || bad === text.length
    ? Math.floor(text.length / 4) * 4 + (text.length % 4 === 0 ? 0 : text.length % 4)
    : bad;
}
