/** CEL's types. */

export type CelType =
  | {
      readonly kind:
        | 'int'
        | 'uint'
        | 'double'
        | 'bool'
        | 'string'
        | 'bytes'
        | 'null'
        | 'dyn'
        | 'timestamp'
        | 'duration';
    }
  | { readonly kind: 'list'; readonly element: CelType; readonly identity?: ListIdentity }
  | { readonly kind: 'map'; readonly key: CelType; readonly value: CelType }
  /** Values with declared fields. `open`: other fields may be there too, of any type. */
  | {
      readonly kind: 'object';
      readonly name: string;
      readonly fields: ReadonlyMap<string, CelField>;
      readonly open?: boolean;
    }
  | { readonly kind: 'type'; readonly of: CelType }
  /** Quantities, URLs, optionals and the like: `name` and what they hold. */
  | { readonly kind: 'opaque'; readonly name: string; readonly parameters: readonly CelType[] }
  /** Stands for one type throughout an overload. */
  | { readonly kind: 'parameter'; readonly name: string };

/** How the items of a list are told apart, whatever their order: by their whole value, or by the values of these keys. */
export type ListIdentity = 'value' | readonly string[];

export interface CelField {
  readonly type: CelType;
  /** The key in the object where it is not the field's name: names that are no identifiers are escaped. */
  readonly key: string;
}

export const INT: CelType = { kind: 'int' };
export const UINT: CelType = { kind: 'uint' };
export const DOUBLE: CelType = { kind: 'double' };
export const BOOL: CelType = { kind: 'bool' };
export const STRING: CelType = { kind: 'string' };
export const BYTES: CelType = { kind: 'bytes' };
export const NULL: CelType = { kind: 'null' };
export const DYN: CelType = { kind: 'dyn' };
export const TIMESTAMP: CelType = { kind: 'timestamp' };
export const DURATION: CelType = { kind: 'duration' };
export const A: CelType = { kind: 'parameter', name: 'A' };
export const B: CelType = { kind: 'parameter', name: 'B' };

export const listOf = (element: CelType): CelType => ({ kind: 'list', element });
export const mapOf = (key: CelType, value: CelType): CelType => ({ kind: 'map', key, value });
export const opaque = (name: string, ...parameters: CelType[]): CelType => ({ kind: 'opaque', name, parameters });
export const optionalOf = (type: CelType): CelType => opaque('optional_type', type);

const NAMES: Readonly<Record<string, string>> = {
  null: 'null_type',
  timestamp: 'timestamp',
  duration: 'duration',
};

/** As cel-go prints it in messages. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case 'list':
      return `list(${formatType(type.element)})`;
    case 'map':
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case 'object':
    case 'parameter':
      return type.name;
    case 'type':
      return `type(${formatType(type.of)})`;
    case 'opaque':
      return type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.map(formatType).join(', ')})`;
    default:
      return NAMES[type.kind] ?? type.kind;
  }
}

/** What the parameters of one call stand for. */
export type Bindings = Map<string, CelType>;

/** Whether a value of type `given` can stand where `wanted` is asked for. Adds to `bindings` what it takes. */
export function isAssignable(wanted: CelType, given: CelType, bindings: Bindings): boolean {
  if (wanted.kind === 'parameter') return bindParameter(wanted.name, given, bindings);
  if (wanted.kind === 'dyn' || given.kind === 'dyn') return true;
  if (given.kind === 'parameter') return true; // of an empty list or map: any
  if (given.kind === 'null') return wanted.kind === 'null' || isNullable(wanted);
  if (wanted.kind !== given.kind) return false;
  switch (wanted.kind) {
    case 'list':
      return isAssignable(wanted.element, (given as typeof wanted).element, bindings);
    case 'map': {
      const { key, value } = given as typeof wanted;
      return isAssignable(wanted.key, key, bindings) && isAssignable(wanted.value, value, bindings);
    }
    case 'object':
      return wanted.name === (given as typeof wanted).name;
    case 'opaque': {
      const { name, parameters } = given as typeof wanted;
      if (wanted.name !== name || wanted.parameters.length !== parameters.length) return false;
      return wanted.parameters.every((type, i) => isAssignable(type, parameters[i] as CelType, bindings));
    }
    default:
      return true;
  }
}

const isNullable = ({ kind }: CelType) => ['object', 'opaque', 'timestamp', 'duration'].includes(kind);

function bindParameter(name: string, given: CelType, bindings: Bindings): boolean {
  const bound = bindings.get(name);
  if (bound === undefined || bound.kind === 'parameter') {
    bindings.set(name, given);
    return true;
  }
  if (isAssignable(bound, given, bindings)) {
    if (given.kind === 'dyn' && bound.kind !== 'dyn') bindings.set(name, given);
    return true;
  }
  if (!isAssignable(given, bound, bindings)) return false;
  bindings.set(name, given);
  return true;
}

/** The type with its parameters replaced; what stands for nothing is dyn. */
export function substitute(type: CelType, bindings: Bindings): CelType {
  switch (type.kind) {
    case 'parameter':
      return bindings.get(type.name) ?? DYN;
    case 'list':
      return listOf(substitute(type.element, bindings));
    case 'map':
      return mapOf(substitute(type.key, bindings), substitute(type.value, bindings));
    case 'opaque':
      return { ...type, parameters: type.parameters.map((parameter) => substitute(parameter, bindings)) };
    case 'type':
      return { kind: 'type', of: substitute(type.of, bindings) };
    default:
      return type;
  }
}

/** The one type of several values, dyn where there is none. */
export function joinTypes(types: readonly CelType[]): CelType | undefined {
  let joined: CelType | undefined;
  for (const type of types) {
    if (joined === undefined || isAssignable(type, joined, new Map())) joined = type;
    else if (!isAssignable(joined, type, new Map())) return undefined;
  }
  return joined;
}
