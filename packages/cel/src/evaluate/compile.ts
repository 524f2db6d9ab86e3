/** Checked trees to functions. Every part that is evaluated costs a unit and more as its function says. */
import { type Checked, qualifiedName } from '../check/checker.ts';
import type { CelType } from '../check/types.ts';
import { accepts, type Overload } from '../functions/overload.ts';
import type { Entry, Literal, Node } from '../syntax/ast.ts';
import {
  ArrayList,
  CelError,
  CelList,
  CelMap,
  CelOptional,
  CelTypeValue,
  CelUint,
  type CelValue,
  fromJson,
  NONE,
  ValueMap,
} from '../values/values.ts';
import { type ComprehensionParts, compileComprehension } from './comprehension.ts';

/** One evaluation: variables in slots, what it has cost. */
export class Frame {
  readonly slots: CelValue[];
  readonly #limit: number;
  cost = 0;

  constructor(slots: CelValue[], limit: number) {
    this.slots = slots;
    this.#limit = limit;
  }

  /** Throws CelError when there is no more to spend. */
  spend(units: number): void {
    this.cost += units;
    if (this.cost > this.#limit) throw new CelError('operation cancelled: actual cost limit exceeded');
  }
}

export type Evaluate = (frame: Frame) => CelValue;

const LIST_COST = 10;
const MAP_COST = 30;
const STRUCT_COST = 40;
const TYPE_VALUES: Readonly<Record<string, string>> = {
  timestamp: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  null: 'null_type',
};

/** `variables`: by slot. Returns how many slots a frame needs. */
export function compile(
  node: Node,
  checked: Checked,
  variables: readonly string[],
): { evaluate: Evaluate; slotCount: number } {
  const compiler = new Compiler(checked, variables);
  const evaluate = compiler.compile(node);
  return { evaluate, slotCount: compiler.slotCount };
}

class Compiler {
  readonly #checked: Checked;
  #slots: ReadonlyMap<string, number>;
  slotCount: number;

  constructor(checked: Checked, variables: readonly string[]) {
    this.#checked = checked;
    this.#slots = new Map(variables.map((name, i) => [name, i]));
    this.slotCount = variables.length;
  }

  compile(node: Node): Evaluate {
    switch (node.kind) {
      case 'literal':
        return constant(node.literal);
      case 'ident':
        return this.#ident(node.name, node);
      case 'select':
        return this.#select(node);
      case 'has':
        return presence(this.compile(node.operand), node.field);
      case 'index':
        return this.#index(node);
      case 'call':
        return this.#call(node);
      case 'list':
        return this.#list(node);
      case 'map':
        return this.#map(node.entries, (entry) => this.compile(entry.key), MAP_COST);
      case 'struct':
        return this.#map(
          node.fields,
          ({ name }) =>
            () =>
              name,
          STRUCT_COST,
        );
      case 'comprehension':
        return this.#comprehension(node);
      case 'bind':
        return this.#bind(node);
    }
  }

  #ident(name: string, node: Node): Evaluate {
    const slot = this.#slots.get(name);
    if (slot === undefined) return this.#typeValue(node);
    return (frame) => {
      frame.spend(1);
      return frame.slots[slot] as CelValue;
    };
  }

  #typeValue(node: Node): Evaluate {
    const type = this.#checked.types.get(node);
    const of: CelType | undefined = type?.kind === 'type' ? type.of : undefined;
    const value = new CelTypeValue(of?.kind === 'opaque' ? of.name : (TYPE_VALUES[of?.kind ?? ''] ?? of?.kind ?? ''));
    return () => value;
  }

  #select(node: Extract<Node, { kind: 'select' }>): Evaluate {
    const name = qualifiedName(node);
    if (name !== undefined) {
      if (this.#slots.has(name)) return this.#ident(name, node);
      if (!this.#slots.has(name.slice(0, name.indexOf('.'))) && this.#checked.types.get(node)?.kind === 'type')
        return this.#typeValue(node);
    }
    const operand = this.compile(node.operand);
    const { field, optional } = node;
    return (frame) => {
      const value = operand(frame);
      frame.spend(1);
      if (optional || value instanceof CelOptional) return optionalAt(value, field);
      const found = value instanceof CelMap ? value.get(field) : undefined;
      if (found === undefined)
        throw new CelError(value instanceof CelMap ? `no such key: ${field}` : 'no such overload');
      return found;
    };
  }

  #index({ operand, key, optional }: Extract<Node, { kind: 'index' }>): Evaluate {
    const [outer, inner] = [this.compile(operand), this.compile(key)];
    return (frame) => {
      const value = outer(frame);
      const at = inner(frame);
      frame.spend(1);
      return optional || value instanceof CelOptional ? optionalAt(value, at) : itemAt(value, at);
    };
  }

  #call(node: Extract<Node, { kind: 'call' }>): Evaluate {
    const { name, target, args } = node;
    if (name === '_&&_') return this.#and(args as [Node, Node], false);
    if (name === '_||_') return this.#and(args as [Node, Node], true);
    if (name === '_?_:_') return this.#conditional(args as [Node, Node, Node]);
    const isSpaced = this.#checked.names.has(node);
    const all = target === undefined || isSpaced ? args : [target, ...args];
    return invoke(
      this.#checked.overloads.get(node) ?? [],
      all.map((arg) => this.compile(arg)),
    );
  }

  /** `decides`: the value that needs no other. An error gives way to it from either side. */
  #and([left, right]: readonly [Node, Node], decides: boolean): Evaluate {
    const [a, b] = [this.compile(left), this.compile(right)];
    const bool = (value: CelValue): boolean => {
      if (typeof value !== 'boolean') throw new CelError('no such overload');
      return value;
    };
    return (frame) => {
      let failure: CelError;
      try {
        frame.spend(1);
        if (bool(a(frame)) === decides) return decides;
        return bool(b(frame));
      } catch (error) {
        failure = absorbable(error, frame);
      }
      if (bool(b(frame)) === decides) return decides;
      throw failure;
    };
  }

  #conditional([condition, yes, no]: readonly [Node, Node, Node]): Evaluate {
    const [test, a, b] = [this.compile(condition), this.compile(yes), this.compile(no)];
    return (frame) => {
      frame.spend(1);
      const value = test(frame);
      if (typeof value !== 'boolean') throw new CelError('no such overload');
      return value ? a(frame) : b(frame);
    };
  }

  #list({ items, optional }: Extract<Node, { kind: 'list' }>): Evaluate {
    const parts = items.map((item) => this.compile(item));
    const hasOptional = optional.includes(true);
    return (frame) => {
      frame.spend(LIST_COST);
      if (!hasOptional) return new ArrayList(parts.map((part) => part(frame)));
      return new ArrayList(
        parts.flatMap((part, i) => (optional[i] === true ? ((part(frame) as CelOptional).value ?? []) : [part(frame)])),
      );
    };
  }

  #map<E extends Entry>(entries: readonly E[], keyOf: (entry: E) => Evaluate, cost: number): Evaluate {
    const parts = entries.map((entry) => ({
      key: keyOf(entry),
      value: this.compile(entry.value),
      optional: entry.optional,
    }));
    return (frame) => {
      frame.spend(cost);
      const rows: (readonly [CelValue, CelValue])[] = [];
      for (const { key, value, optional } of parts) {
        const name = key(frame);
        const given = value(frame);
        const held = optional ? (given as CelOptional).value : given;
        if (held !== undefined) rows.push([name, held]);
      }
      return new ValueMap(rows);
    };
  }

  /** Compiles with further variables, which get slots of their own. */
  #within<T>(names: readonly string[], work: (slots: readonly number[]) => T): T {
    const outer = this.#slots;
    const slots = names.map(() => this.slotCount++);
    this.#slots = new Map([...outer, ...names.map((name, i) => [name, slots[i] as number] as const)]);
    try {
      return work(slots);
    } finally {
      this.#slots = outer;
    }
  }

  #comprehension(node: Extract<Node, { kind: 'comprehension' }>): Evaluate {
    const range = this.compile(node.range);
    return this.#within(node.variables, (slots) => {
      const parts: ComprehensionParts = {
        range,
        slots,
        filter: node.filter === undefined ? undefined : this.compile(node.filter),
        body: this.compile(node.body),
      };
      return compileComprehension(node.macro, parts);
    });
  }

  #bind({ form, variable, value, body }: Extract<Node, { kind: 'bind' }>): Evaluate {
    const given = this.compile(value);
    return this.#within([variable], ([slot = 0]) => {
      const inner = this.compile(body);
      return (frame) => {
        const found = given(frame);
        frame.spend(1);
        if (form !== 'bind' && (found as CelOptional).value === undefined) return NONE;
        frame.slots[slot] = form === 'bind' ? found : ((found as CelOptional).value as CelValue);
        const result = inner(frame);
        return form === 'optMap' ? new CelOptional(result) : result;
      };
    });
  }
}

/** Errors of evaluation give way; an exceeded limit does not. */
export function absorbable(error: unknown, frame: Frame): CelError {
  frame.spend(0);
  if (error instanceof CelError) return error;
  throw error;
}

function constant(literal: Literal): Evaluate {
  const value: CelValue = literal.type === 'uint' ? new CelUint(literal.value) : literal.value;
  return () => value;
}

function presence(operand: Evaluate, field: string): Evaluate {
  return (frame) => {
    const value = operand(frame);
    const map = value instanceof CelOptional ? value.value : value;
    if (value instanceof CelOptional && map === undefined) return false;
    if (!(map instanceof CelMap)) throw new CelError('no such overload');
    return map.get(field) !== undefined;
  };
}

function itemAt(value: CelValue, at: CelValue): CelValue {
  if (value instanceof CelMap) {
    const found = value.get(at);
    if (found === undefined) throw new CelError(`no such key: ${typeof at === 'object' ? '' : String(at)}`);
    return found;
  }
  if (!(value instanceof CelList)) throw new CelError('no such overload');
  const index = at instanceof CelUint ? at.value : at;
  if (typeof index !== 'bigint' && !(typeof index === 'number' && Number.isInteger(index)))
    throw new CelError('unsupported index type');
  if (index < 0 || index >= value.size) throw new CelError(`index out of bounds: ${index}`);
  return value.at(Number(index));
}

/** Of an empty optional, a missing key or index: an empty optional. */
function optionalAt(value: CelValue, at: CelValue): CelOptional {
  const within = value instanceof CelOptional ? value.value : value;
  if (within === undefined) return NONE;
  if (within instanceof CelMap) {
    const found = within.get(at);
    return found === undefined ? NONE : new CelOptional(found);
  }
  if (!(within instanceof CelList)) throw new CelError('no such overload');
  const index = Number(at instanceof CelUint ? at.value : at);
  return index >= 0 && index < within.size ? new CelOptional(within.at(index)) : NONE;
}

function invoke(overloads: readonly Overload[], args: readonly Evaluate[]): Evaluate {
  const [only] = overloads;
  const isOne = overloads.length === 1;
  return (frame) => {
    const values = args.map((arg) => arg(frame));
    const found =
      isOne && only !== undefined && fits(only, values) ? only : overloads.find((overload) => fits(overload, values));
    if (found === undefined) throw new CelError('no such overload');
    frame.spend(1 + (found.cost === undefined ? 0 : Math.max(0, found.cost(values))));
    return found.call(values);
  };
}

function fits({ parameters }: Overload, values: readonly CelValue[]): boolean {
  return parameters.every((type, i) => accepts(type, values[i] as CelValue));
}

/** Values of a frame's first slots, from JSON where they are that. */
export function slotsOf(types: readonly CelType[], values: readonly unknown[], slotCount: number): CelValue[] {
  const slots = new Array<CelValue>(slotCount).fill(null);
  types.forEach((type, i) => {
    slots[i] = fromJson(values[i], type);
  });
  return slots;
}
