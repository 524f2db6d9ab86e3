/**
 * What an expression may cost at worst, before it is ever evaluated. Source: cel-go checker/cost.go, whose rules it keeps
 * to the unit: which definitions are accepted hangs on them.
 */
import type { Checked } from '../check/checker.ts';
import { type CelType, DYN } from '../check/types.ts';
import type { Node } from '../syntax/ast.ts';
import { callCost, type CallCost, type Operand } from './calls.ts';
import { ACCUMULATOR, type Expression, toExpression } from './expression.ts';
import { add, exactly, multiply, type Range, union, UNBOUNDED, UNKNOWN, ZERO } from './range.ts';

const IDENT = exactly(1);
const NEW_LIST = exactly(10);
const NEW_MAP = exactly(30);
const NEW_STRUCT = exactly(40);
const NONE: Range = { min: UNBOUNDED, max: 0 };
const SCALARS: ReadonlySet<CelType['kind']> = new Set(['bool', 'double', 'duration', 'int', 'timestamp', 'uint']);

/** The largest size of the value at a path that begins with a variable; undefined: not known. */
export type SizeOf = (path: readonly string[]) => number | undefined;

export function estimateCost(node: Node, checked: Checked, sizeOf: SizeOf): Range {
  return new Estimator(sizeOf).cost(toExpression(node, checked, DYN));
}

/** Sizes of what a list or map holds. */
interface EntrySize {
  readonly container: 'list' | 'map';
  readonly key: Range;
  readonly value: Range;
}

interface Local {
  readonly path: readonly string[];
  readonly size: Range | undefined;
  readonly entries: EntrySize | undefined;
}

class Estimator {
  readonly #sizeOf: SizeOf;
  readonly #paths = new Map<Expression, readonly string[]>();
  readonly #sizes = new Map<Expression, Range>();
  readonly #entrySizes = new Map<Expression, EntrySize>();
  readonly #locals = new Map<string, Local[]>();

  constructor(sizeOf: SizeOf) {
    this.#sizeOf = sizeOf;
  }

  cost(e: Expression): Range {
    switch (e.kind) {
      case 'literal':
        return ZERO;
      case 'ident':
        this.#paths.set(e, this.#local(e.name)?.path ?? [e.name]);
        return IDENT;
      case 'select':
        return this.#select(e);
      case 'call':
        return this.#call(e);
      case 'list':
        return this.#list(e);
      case 'map':
        return this.#map(e);
      case 'struct':
        return add(NEW_STRUCT, ...e.values.map((value) => this.cost(value)));
      case 'fold':
        return this.#fold(e);
      case 'bind':
        return this.#bind(e);
    }
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #within<T>(name: string, local: Local, work: () => T): T {
    const stack = this.#locals.get(name) ?? [];
    this.#locals.set(name, stack);
    stack.push(local);
    const result = work();
    stack.pop();
    return result;
  }

  #select(e: Extract<Expression, { kind: 'select' }>): Range {
    const operand = this.cost(e.operand);
    if (e.isTest) return operand; // Kubernetes takes nothing for a test of presence
    this.#paths.set(e, [...this.#pathOf(e.operand), e.field]);
    const { kind } = e.operand.type;
    return kind === 'map' || kind === 'object' || kind === 'parameter' ? add(operand, IDENT) : operand;
  }

  #list(e: Extract<Expression, { kind: 'list' }>): Range {
    const costs = e.items.map((item) => this.cost(item));
    const sizes = e.items.map((item) => this.#sizeOrUnknown(item));
    const value = sizes.reduce(union, e.items.length === 0 ? ZERO : NONE);
    this.#entrySizes.set(e, { container: 'list', key: exactly(1), value });
    return add(NEW_LIST, ...costs);
  }

  #map(e: Extract<Expression, { kind: 'map' }>): Range {
    const costs = e.entries.map(([key, value]) => add(this.cost(key), this.cost(value)));
    const start = e.entries.length === 0 ? ZERO : NONE;
    const key = e.entries.map(([one]) => this.#sizeOrUnknown(one)).reduce(union, start);
    const value = e.entries.map(([, one]) => this.#sizeOrUnknown(one)).reduce(union, start);
    this.#entrySizes.set(e, { container: 'map', key, value });
    return add(NEW_MAP, ...costs);
  }

  #call(e: Extract<Expression, { kind: 'call' }>): Range {
    const { name, args, target } = e;
    if (name === 'dyn' && args[0] !== undefined) {
      const cost = add(exactly(1), this.cost(args[0]));
      this.#copySizes(e, args[0]);
      return cost;
    }
    const argCosts = args.map((arg) => this.cost(arg));
    const operands = args.map((arg) => this.#operand(arg));
    const targetCost = target === undefined ? ZERO : this.cost(target);
    const on = target === undefined ? undefined : this.#operand(target);
    if (e.overloads.length === 0) return ZERO;
    let cost = NONE;
    let size: Range | undefined;
    for (const kinds of e.overloads) {
      const one = this.#callOf(e, kinds, on, operands, argCosts);
      cost = union(cost, one.cost);
      if (one.size !== undefined) size = size === undefined ? one.size : union(size, one.size);
      size = this.#indexed(e, kinds) ?? size ?? this.#known(e);
    }
    if (size !== undefined) this.#sizes.set(e, size);
    return add(targetCost, cost);
  }

  /** What is taken out of a list or map has a path, and a size where the entries have one. */
  #indexed(e: Extract<Expression, { kind: 'call' }>, kinds: readonly string[]): Range | undefined {
    const [container] = e.args;
    if (e.name !== '_[_]' || container === undefined || (kinds[0] !== 'list' && kinds[0] !== 'map')) return undefined;
    this.#paths.set(e, [...this.#pathOf(container), kinds[0] === 'list' ? '@items' : '@values']);
    return this.#entriesOf(container)?.value;
  }

  #callOf(
    e: Extract<Expression, { kind: 'call' }>,
    kinds: readonly string[],
    target: Operand | undefined,
    args: readonly Operand[],
    argCosts: readonly Range[],
  ): CallCost {
    const [first = ZERO, second = ZERO, third = ZERO] = argCosts;
    const all = add(...argCosts);
    switch (e.name) {
      case '_&&_':
      case '_||_':
        return { cost: { min: first.min, max: add(first, second).max } };
      case '_?_:_': {
        const [, yes, no] = e.args as [Expression, Expression, Expression];
        this.#joinEntries(e, yes, no);
        const size = union((args[1] as Operand).size ?? UNKNOWN, (args[2] as Operand).size ?? UNKNOWN);
        return { cost: add(first, union(second, third)), size };
      }
      case '_+_':
        if (e.args.length === 2) this.#joinEntries(e, e.args[0] as Expression, e.args[1] as Expression);
        break;
    }
    const own = callCost(e.name, kinds, target, args, (list) => this.#elementOf(list));
    return { ...own, cost: add(own.cost, all) };
  }

  #joinEntries(e: Expression, a: Expression, b: Expression): void {
    const [left, right] = [this.#entriesOf(a), this.#entriesOf(b)];
    if (left === undefined || right === undefined) return;
    const { container } = left;
    this.#entrySizes.set(e, { container, key: union(left.key, right.key), value: union(left.value, right.value) });
  }

  #fold(e: Extract<Expression, { kind: 'fold' }>): Range {
    const before = add(this.cost(e.range), this.cost(e.init));
    const init: Local = { path: this.#pathOf(e.init), size: this.#known(e.init), entries: this.#entriesOf(e.init) };
    const { loop, result } = this.#within(ACCUMULATOR, init, () => {
      const each = this.#withVariables(e, () => add(this.cost(e.condition), this.cost(e.step)));
      return { loop: each, result: this.cost(e.result) };
    });
    const count = this.#sizeOrUnknown(e.range);
    if (e.init.kind === 'literal') {
      const size = this.#known(e.init);
      if (size !== undefined) this.#sizes.set(e, size);
    } else {
      this.#sizes.set(e, count);
      const entries = this.#entriesOf(e.step);
      if (entries !== undefined) this.#entrySizes.set(e, entries);
    }
    return add(before, result, multiply(count, loop));
  }

  #withVariables<T>({ range, variables }: Extract<Expression, { kind: 'fold' }>, work: () => T): T {
    const entries = this.#entriesOf(range);
    const isList = (entries?.container ?? range.type.kind) === 'list';
    const path = this.#pathOf(range);
    const keys = (name: string): Local => ({ path: [...path, name], size: entries?.key, entries: undefined });
    const values: Local = {
      path: [...path, isList ? '@items' : '@values'],
      size: entries?.value,
      entries: undefined,
    };
    const [one = '', two] = variables;
    if (two === undefined) return this.#within(one, isList ? values : keys('@keys'), work);
    return this.#within(one, keys(isList ? '@indices' : '@keys'), () => this.#within(two, values, work));
  }

  #bind(e: Extract<Expression, { kind: 'bind' }>): Range {
    const init = this.cost(e.init);
    const local: Local = { path: this.#pathOf(e.init), size: this.#known(e.init), entries: this.#entriesOf(e.init) };
    return this.#within(e.variable, local, () => {
      const result = this.cost(e.result);
      this.#copySizes(e, e.result);
      return add(NEW_LIST, init, result);
    });
  }

  #copySizes(to: Expression, from: Expression): void {
    const size = this.#known(from);
    if (size !== undefined) this.#sizes.set(to, size);
    const entries = this.#entriesOf(from);
    if (entries !== undefined) this.#entrySizes.set(to, entries);
  }

  #pathOf(e: Expression): readonly string[] {
    const local = e.kind === 'ident' ? this.#local(e.name) : undefined;
    return local?.path ?? this.#paths.get(e) ?? [];
  }

  #operand(e: Expression): Operand {
    const path = this.#pathOf(e);
    return {
      type: e.type,
      path: path[0] === ACCUMULATOR ? [] : path,
      size: this.#known(e),
      ...(e.kind === 'literal' && e.int !== undefined ? { int: e.int } : {}),
    };
  }

  /** What a list holds, for functions that read every item. undefined: it is no list. */
  #elementOf({ type, path }: Operand): Operand | undefined {
    if (type.kind !== 'list' && type.kind !== 'map') return undefined;
    const held = type.kind === 'list' ? type.element : type.key;
    const at = path.length === 0 ? [] : [...path, '@items'];
    const max = at.length === 0 ? undefined : this.#sizeOf(at);
    return { type: held, path: at, size: max === undefined ? undefined : { min: 0, max } };
  }

  #sizeOrUnknown(e: Expression): Range {
    return this.#known(e) ?? UNKNOWN;
  }

  #known(e: Expression): Range | undefined {
    const known = this.#sizes.get(e) ?? writtenSize(e);
    if (known !== undefined) return known;
    const path = this.#pathOf(e);
    const max = path.length === 0 ? undefined : this.#sizeOf(path);
    if (max !== undefined) {
      const size = { min: 0, max };
      this.#sizes.set(e, size);
      return size;
    }
    if (isScalar(e.type)) return exactly(1);
    return e.kind === 'ident' ? this.#local(e.name)?.size : undefined;
  }

  #entriesOf(e: Expression): EntrySize | undefined {
    const known = this.#entrySizes.get(e);
    if (known !== undefined || e.kind !== 'ident') return known;
    return this.#local(e.name)?.entries;
  }
}

/** Of what is written down. */
function writtenSize(e: Expression): Range | undefined {
  if (e.kind === 'literal') return exactly(e.size);
  if (e.kind === 'list') return exactly(e.items.length);
  return e.kind === 'map' ? exactly(e.entries.length) : undefined;
}

function isScalar(type: CelType): boolean {
  if (type.kind === 'opaque' && type.name === 'optional_type') return isScalar(type.parameters[0] ?? DYN);
  return SCALARS.has(type.kind);
}
