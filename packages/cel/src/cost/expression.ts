/**
 * The tree of an expression as cel-go estimates it: macros are folds over accumulators, operators and indexing are calls.
 * Source: cel-go parser/macro.go.
 */
import type { Checked } from '../check/checker.ts';
import { BOOL, type CelType, INT, listOf } from '../check/types.ts';
import type { Node } from '../syntax/ast.ts';

export type Expression = { readonly type: CelType } & (
  | { readonly kind: 'literal'; readonly size: number; readonly int?: bigint; readonly isFold: boolean }
  | { readonly kind: 'ident'; readonly name: string }
  | { readonly kind: 'select'; readonly operand: Expression; readonly field: string; readonly isTest: boolean }
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly target: Expression | undefined;
      readonly args: readonly Expression[];
      /** One for each signature that the call may have: its parameters' kinds. */
      readonly overloads: readonly (readonly string[])[];
    }
  | { readonly kind: 'list'; readonly items: readonly Expression[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [Expression, Expression])[] }
  | { readonly kind: 'struct'; readonly values: readonly Expression[] }
  | {
      readonly kind: 'fold';
      readonly range: Expression;
      readonly variables: readonly string[];
      readonly init: Expression;
      readonly condition: Expression;
      readonly step: Expression;
      readonly result: Expression;
    }
  | { readonly kind: 'bind'; readonly variable: string; readonly init: Expression; readonly result: Expression }
);

/** No expression can name it. */
export const ACCUMULATOR = '@result';

const literal = (type: CelType, size = 1): Expression => ({ kind: 'literal', type, size, isFold: true });
const call = (name: string, type: CelType, kinds: readonly string[], ...args: Expression[]): Expression => ({
  kind: 'call',
  name,
  type,
  target: undefined,
  args,
  overloads: [kinds],
});
const accumulator = (type: CelType): Expression => ({ kind: 'ident', name: ACCUMULATOR, type });
const choose = (type: CelType, condition: Expression, yes: Expression, no: Expression): Expression =>
  call('_?_:_', type, ['bool', 'dyn', 'dyn'], condition, yes, no);

export function toExpression(node: Node, checked: Checked, dyn: CelType): Expression {
  return new Translator(checked, dyn).translate(node);
}

class Translator {
  readonly #checked: Checked;
  readonly #dyn: CelType;

  constructor(checked: Checked, dyn: CelType) {
    this.#checked = checked;
    this.#dyn = dyn;
  }

  translate(node: Node): Expression {
    const type = this.#checked.types.get(node) ?? this.#dyn;
    switch (node.kind) {
      case 'literal':
        return { ...literalOf(node.literal), type };
      case 'ident':
        return { kind: 'ident', name: node.name, type };
      case 'select':
        return node.optional
          ? call('_?._', type, ['dyn', 'string'], this.translate(node.operand), literal(type, [...node.field].length))
          : { kind: 'select', operand: this.translate(node.operand), field: node.field, isTest: false, type };
      case 'has':
        return { kind: 'select', operand: this.translate(node.operand), field: node.field, isTest: true, type };
      case 'index':
        return this.#index(node, type);
      case 'call':
        return this.#call(node, type);
      case 'list':
        return { kind: 'list', items: node.items.map((item) => this.translate(item)), type };
      case 'map': {
        const entries = node.entries.map(({ key, value }) => [this.translate(key), this.translate(value)] as const);
        return { kind: 'map', entries, type };
      }
      case 'struct':
        return { kind: 'struct', values: node.fields.map(({ value }) => this.translate(value)), type };
      case 'comprehension':
        return this.#comprehension(node, type);
      case 'bind':
        return this.#bind(node, type);
    }
  }

  #index({ operand, key, optional }: Extract<Node, { kind: 'index' }>, type: CelType): Expression {
    const container = this.translate(operand);
    const name = optional ? '_[?_]' : '_[_]';
    const kinds = container.type.kind === 'dyn' ? ['list', 'map'] : [container.type.kind];
    const args = [container, this.translate(key)];
    return { kind: 'call', name, type, target: undefined, args, overloads: kinds.map((kind) => [kind, 'dyn']) };
  }

  #call(node: Extract<Node, { kind: 'call' }>, type: CelType): Expression {
    const spaced = this.#checked.names.get(node);
    const found = this.#checked.overloads.get(node) ?? [];
    const isLogical = node.name === '_&&_' || node.name === '_||_' || node.name === '_?_:_';
    const overloads = found.map(({ parameters }) => parameters.map(({ kind }) => kind));
    return {
      kind: 'call',
      name: spaced ?? node.name,
      type,
      target: spaced !== undefined || node.target === undefined ? undefined : this.translate(node.target),
      args: node.args.map((arg) => this.translate(arg)),
      overloads: isLogical ? [['bool', 'dyn', 'dyn']] : overloads,
    };
  }

  #comprehension(node: Extract<Node, { kind: 'comprehension' }>, type: CelType): Expression {
    const range = this.translate(node.range);
    const body = this.translate(node.body);
    const filter = node.filter === undefined ? undefined : this.translate(node.filter);
    const first = this.#elementOf(range.type);
    return { kind: 'fold', range, variables: node.variables, type, ...foldOf(node, body, filter, first, type) };
  }

  #elementOf(range: CelType): CelType {
    if (range.kind === 'list') return range.element;
    return range.kind === 'map' ? range.key : this.#dyn;
  }

  #bind({ form, variable, value, body }: Extract<Node, { kind: 'bind' }>, type: CelType): Expression {
    const init = this.translate(value);
    const result = this.translate(body);
    if (form === 'bind') return { kind: 'bind', variable, init, result, type };
    // `a.hasValue() ? optional.of(cel.bind(v, a.value(), body)) : optional.none()`
    const member = (name: string, of: CelType): Expression => ({
      kind: 'call',
      name,
      target: init,
      args: [],
      overloads: [['opaque']],
      type: of,
    });
    const inner = init.type.kind === 'opaque' ? (init.type.parameters[0] ?? this.#dyn) : this.#dyn;
    const bound: Expression = { kind: 'bind', variable, init: member('value', inner), result, type: result.type };
    const held = form === 'optMap' ? call('optional.of', type, ['dyn'], bound) : bound;
    return choose(type, member('hasValue', BOOL), held, call('optional.none', type, []));
  }
}

type Fold = Pick<Extract<Expression, { kind: 'fold' }>, 'init' | 'condition' | 'step' | 'result'>;

function foldOf(
  { macro, variables }: Extract<Node, { kind: 'comprehension' }>,
  body: Expression,
  filter: Expression | undefined,
  first: CelType,
  type: CelType,
): Fold {
  const all = accumulator(BOOL);
  const always = literal(BOOL);
  const guard = (inner: Expression) => call('@not_strictly_false', BOOL, ['bool'], inner);
  const collected = accumulator(type);
  const ifTaken = (next: Expression, given = filter) =>
    given === undefined ? next : choose(type, given, next, collected);
  const append = (item: Expression) => {
    const items: Expression = { kind: 'list', items: [item], type: listOf(item.type) };
    return call('_+_', type, ['list', 'list'], collected, items);
  };
  const empty: Expression = { kind: 'list', items: [], type };
  switch (macro) {
    case 'all':
      return { init: always, condition: guard(all), step: call('_&&_', BOOL, ['bool'], all, body), result: all };
    case 'exists': {
      const condition = guard(call('!_', BOOL, ['bool'], all));
      return { init: always, condition, step: call('_||_', BOOL, ['bool'], all, body), result: all };
    }
    case 'existsOne': {
      const count = accumulator(INT);
      const step = choose(INT, body, call('_+_', INT, ['int', 'int'], count, literal(INT)), count);
      const result = call('_==_', BOOL, ['parameter', 'parameter'], count, literal(INT));
      return { init: literal(INT), condition: always, step, result };
    }
    case 'map':
    case 'transformList':
      return { init: empty, condition: always, step: ifTaken(append(body)), result: collected };
    case 'filter': {
      const item: Expression = { kind: 'ident', name: variables[0] ?? '', type: first };
      return { init: empty, condition: always, step: ifTaken(append(item), body), result: collected };
    }
    default: {
      const key: Expression = { kind: 'ident', name: variables[0] ?? '', type: first };
      const insert = call('cel.@mapInsert', type, ['map', 'dyn', 'dyn'], collected, key, body);
      return { init: { kind: 'map', entries: [], type }, condition: always, step: ifTaken(insert), result: collected };
    }
  }
}

type LiteralNode = Extract<Node, { kind: 'literal' }>['literal'];

function literalOf(given: LiteralNode): { kind: 'literal'; size: number; int?: bigint; isFold: boolean } {
  switch (given.type) {
    case 'string':
      return { kind: 'literal', size: [...given.value].length, isFold: false };
    case 'bytes':
      return { kind: 'literal', size: given.value.length, isFold: false };
    case 'int':
      return { kind: 'literal', size: 1, int: given.value, isFold: false };
    default:
      return { kind: 'literal', size: 1, isFold: false };
  }
}
