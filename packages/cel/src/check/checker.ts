/** Gives every part of an expression its type, or says what is wrong. Source: cel-go checker, whose messages it keeps. */
import { FUNCTIONS } from '../functions/index.ts';
import type { Overload } from '../functions/overload.ts';
import type { Entry, Issue, Node } from '../syntax/ast.ts';
import {
  BOOL,
  BYTES,
  type CelType,
  DOUBLE,
  DURATION,
  DYN,
  formatType,
  INT,
  isAssignable,
  joinTypes,
  listOf,
  mapOf,
  NULL,
  optionalOf,
  STRING,
  substitute,
  TIMESTAMP,
  UINT,
} from './types.ts';

/** What the checker found out, by node. */
export interface Checked {
  readonly types: ReadonlyMap<Node, CelType>;
  /** The signatures that a call may have: one, unless arguments are dyn. */
  readonly overloads: ReadonlyMap<Node, readonly Overload[]>;
  /** Functions of a name space: the whole name of calls like `math.greatest(…)`. */
  readonly names: ReadonlyMap<Node, string>;
  readonly issues: readonly Issue[];
}

export interface Scope {
  readonly variables: ReadonlyMap<string, CelType>;
  /** Types that expressions may make: `Object`, `Object.spec`. */
  readonly structs?: { get(name: string): CelType | undefined };
  /** Lists and maps that are written down may hold several types, as in the language itself; Kubernetes wants one. */
  readonly mixedLiterals?: boolean;
}

const TYPE_NAMES: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ...([INT, UINT, DOUBLE, BOOL, STRING, BYTES] as const).map((type) => [type.kind, type] as const),
  ['list', listOf(DYN)],
  ['map', mapOf(DYN, DYN)],
  ['null_type', NULL],
  ['type', { kind: 'type', of: DYN }],
  ['optional_type', optionalOf(DYN)],
  ['google.protobuf.Timestamp', TIMESTAMP],
  ['google.protobuf.Duration', DURATION],
]);

export function check(node: Node, scope: Scope): Checked & { readonly type: CelType } {
  const checker = new Checker(scope);
  const type = checker.type(node);
  return { ...checker, type };
}

/** The name of a type that is written as an expression: `google.protobuf.Timestamp`. */
export function qualifiedName(node: Node): string | undefined {
  if (node.kind === 'ident') return node.name;
  if (node.kind !== 'select' || node.optional) return undefined;
  const outer = qualifiedName(node.operand);
  return outer === undefined ? undefined : `${outer}.${node.field}`;
}

/** What an optional may hold; other types as they are. */
function held(type: CelType): CelType {
  return type.kind === 'opaque' && type.name === 'optional_type' ? (type.parameters[0] as CelType) : type;
}

class Checker implements Checked {
  readonly types = new Map<Node, CelType>();
  readonly overloads = new Map<Node, readonly Overload[]>();
  readonly names = new Map<Node, string>();
  readonly issues: Issue[] = [];
  readonly #structs: NonNullable<Scope['structs']>;
  readonly #mixedLiterals: boolean;
  #variables: ReadonlyMap<string, CelType>;

  constructor(scope: Scope) {
    this.#variables = scope.variables;
    this.#structs = scope.structs ?? new Map();
    this.#mixedLiterals = scope.mixedLiterals ?? false;
  }

  type(node: Node): CelType {
    const type = this.#typeOf(node);
    this.types.set(node, type);
    return type;
  }

  #issue(at: number, message: string): CelType {
    this.issues.push({ at, message });
    return DYN;
  }

  #typeOf(node: Node): CelType {
    switch (node.kind) {
      case 'literal':
        return { kind: node.literal.type };
      case 'ident':
        return this.#ident(node.name, node.at);
      case 'select':
        return this.#select(node);
      case 'has':
        this.#field(held(this.type(node.operand)), node.field, node.at);
        return BOOL;
      case 'index':
        return this.#index(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node.entries, node.at);
      case 'struct':
        return this.#struct(node);
      case 'comprehension':
        return this.#comprehension(node);
      case 'bind':
        return this.#bind(node);
    }
  }

  #ident(name: string, at: number): CelType {
    const variable = this.#variables.get(name);
    if (variable !== undefined) return variable;
    const type = TYPE_NAMES.get(name);
    if (type !== undefined) return { kind: 'type', of: type };
    return this.#issue(at, `undeclared reference to '${name}' (in container '')`);
  }

  #select(node: Extract<Node, { kind: 'select' }>): CelType {
    const name = qualifiedName(node);
    const root = name?.slice(0, name.indexOf('.'));
    if (name !== undefined && root !== undefined && !this.#variables.has(root)) {
      const type = TYPE_NAMES.get(name);
      if (type !== undefined) return { kind: 'type', of: type };
      const variable = this.#variables.get(name);
      if (variable !== undefined) return variable;
    }
    if (name !== undefined && this.#variables.has(name)) return this.#variables.get(name) as CelType;
    const operand = this.type(node.operand);
    const isOptional = operand.kind === 'opaque' && operand.name === 'optional_type';
    const type = this.#field(held(operand), node.field, node.at);
    return isOptional || node.optional ? optionalOf(type) : type;
  }

  #field(operand: CelType, field: string, at: number): CelType {
    switch (operand.kind) {
      case 'dyn':
      case 'parameter':
        return DYN;
      case 'map':
        return operand.value;
      case 'object': {
        const found = operand.fields.get(field);
        if (found !== undefined) return found.type;
        return operand.open === true ? DYN : this.#issue(at, `undefined field '${field}'`);
      }
      default:
        return this.#issue(at, `type '${formatType(operand)}' does not support field selection`);
    }
  }

  #index({ operand, key, optional, at }: Extract<Node, { kind: 'index' }>): CelType {
    const outer = this.type(operand);
    const keyType = this.type(key);
    const isOptional = outer.kind === 'opaque' && outer.name === 'optional_type';
    const within = held(outer);
    const wrap = (type: CelType) => (isOptional || optional ? optionalOf(type) : type);
    if (within.kind === 'dyn' || within.kind === 'parameter') return wrap(DYN);
    if (within.kind === 'list' && isAssignable(INT, keyType, new Map())) return wrap(within.element);
    if (within.kind === 'map' && isAssignable(within.key, keyType, new Map())) return wrap(within.value);
    if (within.kind === 'object' && isAssignable(STRING, keyType, new Map())) return wrap(DYN);
    return this.#noOverload('_[_]', [outer, keyType], at);
  }

  #noOverload(name: string, args: readonly CelType[], at: number, member = false): CelType {
    const shown = args.map(formatType);
    const applied = member ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return this.#issue(at, `found no matching overload for '${name}' applied to '${applied}'`);
  }

  #call(node: Extract<Node, { kind: 'call' }>): CelType {
    const { name, target, args, at } = node;
    if (name === '_?_:_' || name === '_&&_' || name === '_||_') return this.#logical(name, args, at);
    const spaced = this.#spaced(node);
    if (spaced !== undefined) {
      this.names.set(node, spaced);
      return this.#resolve(
        node,
        spaced,
        args.map((arg) => this.type(arg)),
        false,
      );
    }
    const all = target === undefined ? args : [target, ...args];
    return this.#resolve(
      node,
      name,
      all.map((arg) => this.type(arg)),
      target !== undefined,
    );
  }

  /** `math.greatest(a)`: a function of a name space, unless `math` is a variable. */
  #spaced({ name, target }: Extract<Node, { kind: 'call' }>): string | undefined {
    const space = target === undefined ? undefined : qualifiedName(target);
    if (space === undefined || this.#variables.has(space.split('.')[0] ?? '')) return undefined;
    return FUNCTIONS.has(`${space}.${name}`) ? `${space}.${name}` : undefined;
  }

  #resolve(node: Node & { readonly at: number }, name: string, args: readonly CelType[], member: boolean): CelType {
    const named = FUNCTIONS.get(name);
    if (named === undefined) return this.#issue(node.at, `undeclared reference to '${name}' (in container '')`);
    const fitting: Overload[] = [];
    const results: CelType[] = [];
    for (const overload of named) {
      if (overload.member !== member || overload.parameters.length !== args.length) continue;
      const bindings = new Map<string, CelType>();
      if (!overload.parameters.every((parameter, i) => isAssignable(parameter, args[i] as CelType, bindings))) continue;
      fitting.push(overload);
      results.push(substitute(overload.result, bindings));
    }
    if (fitting.length === 0) return this.#noOverload(name, args, node.at, member);
    this.overloads.set(node, fitting);
    return joinTypes(results) ?? DYN;
  }

  #logical(name: string, args: readonly Node[], at: number): CelType {
    const types = args.map((arg) => this.type(arg));
    const bools = name === '_?_:_' ? types.slice(0, 1) : types;
    const isFine = bools.every((type) => isAssignable(BOOL, type, new Map()));
    if (!isFine) return this.#noOverload(name, types, at);
    if (name !== '_?_:_') return BOOL;
    return joinTypes(types.slice(1)) ?? this.#noOverload(name, types, at);
  }

  #list({ items, optional }: Extract<Node, { kind: 'list' }>): CelType {
    const types = items.map((item, i) => this.#held(this.type(item), optional[i] === true, item.at));
    return listOf(this.#homogeneous(types, items) ?? { kind: 'parameter', name: `_${items[0]?.at ?? 0}` });
  }

  /** Lists and maps that are written down hold one type. */
  #homogeneous(types: readonly CelType[], nodes: readonly Node[]): CelType | undefined {
    const joined = joinTypes(types);
    if (joined !== undefined || types.length === 0) return joined;
    if (this.#mixedLiterals) return DYN;
    const first = types[0] as CelType;
    const at = types.findIndex((type) => !isAssignable(first, type, new Map()));
    const message = `expected type '${formatType(first)}' but found '${formatType(types[at] ?? DYN)}'`;
    return this.#issue((nodes[at] ?? nodes[0])?.at ?? 0, message);
  }

  #held(type: CelType, optional: boolean, at: number): CelType {
    if (!optional || type.kind === 'dyn') return type;
    if (type.kind === 'opaque' && type.name === 'optional_type') return type.parameters[0] as CelType;
    return this.#issue(at, `expected type 'optional_type' but found '${formatType(type)}'`);
  }

  #map(entries: readonly Entry[], _at: number): CelType {
    const keys = entries.map(({ key }) => this.type(key));
    const values = entries.map(({ value, optional }) => this.#held(this.type(value), optional, value.at));
    const any = (name: string): CelType => ({ kind: 'parameter', name });
    const key =
      this.#homogeneous(
        keys,
        entries.map((entry) => entry.key),
      ) ?? any('_k');
    return mapOf(
      key,
      this.#homogeneous(
        values,
        entries.map((entry) => entry.value),
      ) ?? any('_v'),
    );
  }

  #struct({ name, fields, at }: Extract<Node, { kind: 'struct' }>): CelType {
    const type = this.#structs.get(name);
    for (const field of fields) this.#structField(type, field);
    return type ?? this.#issue(at, `undeclared reference to '${name}' (in container '')`);
  }

  #structField(type: CelType | undefined, { name, value, optional }: Entry & { readonly name: string }): void {
    const given = this.#held(this.type(value), optional, value.at);
    if (type?.kind !== 'object') return;
    const wanted = type.fields.get(name)?.type;
    if (wanted === undefined) {
      if (type.open !== true) this.#issue(value.at, `undefined field '${name}'`);
    } else if (!isAssignable(wanted, given, new Map())) {
      const message = `expected type of field '${name}' is '${formatType(wanted)}' but provided type is '${formatType(given)}'`;
      this.#issue(value.at, message);
    }
  }

  #within<T>(variables: readonly (readonly [string, CelType])[], work: () => T): T {
    const outer = this.#variables;
    this.#variables = new Map([...outer, ...variables]);
    try {
      return work();
    } finally {
      this.#variables = outer;
    }
  }

  #comprehension(node: Extract<Node, { kind: 'comprehension' }>): CelType {
    const range = this.type(node.range);
    const [first, second] = this.#elementTypes(range, node);
    const [one = '', two] = node.variables;
    const bound = two === undefined ? [[one, first] as const] : [[one, first] as const, [two, second] as const];
    return this.#within(bound, () => {
      if (node.filter !== undefined) this.#expectBool(node.filter);
      const body = this.type(node.body);
      switch (node.macro) {
        case 'map':
        case 'transformList':
          return listOf(body);
        case 'filter':
          this.#requireBool(body, node.body);
          return range.kind === 'list' ? range : listOf(first);
        case 'transformMap':
          return mapOf(range.kind === 'list' ? INT : first, body);
        case 'transformMapEntry':
          return body.kind === 'map' ? body : mapOf(DYN, DYN);
        default:
          this.#requireBool(body, node.body);
          return BOOL;
      }
    });
  }

  /** With one variable: a list's element, a map's key. With two: index or key, and value. */
  #elementTypes(
    range: CelType,
    { variables, range: node }: Extract<Node, { kind: 'comprehension' }>,
  ): readonly [CelType, CelType] {
    const isPair = variables.length > 1;
    switch (range.kind) {
      case 'list': {
        const element = range.element.kind === 'parameter' ? DYN : range.element;
        return isPair ? [INT, element] : [element, DYN];
      }
      case 'map':
        return [range.key, range.value];
      case 'object':
        return [STRING, DYN];
      case 'dyn':
      case 'parameter':
        return [DYN, DYN];
      default: {
        const what = 'expression of type';
        this.#issue(
          node.at,
          `${what} '${formatType(range)}' cannot be range of a comprehension (must be list, map, or dynamic)`,
        );
        return [DYN, DYN];
      }
    }
  }

  #expectBool(node: Node): void {
    this.#requireBool(this.type(node), node);
  }

  #requireBool(type: CelType, node: Node): void {
    if (isAssignable(BOOL, type, new Map())) return;
    this.#issue(node.at, `expected type 'bool' but found '${formatType(type)}'`);
  }

  #bind({ form, variable, value, body }: Extract<Node, { kind: 'bind' }>): CelType {
    const given = this.type(value);
    if (form === 'bind') return this.#within([[variable, given]], () => this.type(body));
    const inner = this.#held(given, true, value.at);
    const result = this.#within([[variable, inner]], () => this.type(body));
    return form === 'optMap' ? optionalOf(result) : result;
  }
}
