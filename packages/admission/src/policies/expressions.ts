/** Expressions of one policy, compiled in order: each variable may use those before it. */
import type { Variable } from '@kapella/api/types/admissionregistration-v1';
import {
  CelError,
  type CelField,
  CelMap,
  type CelType,
  type CelValue,
  COST_BUDGET,
  COST_PER_CALL_MAX,
  compileExpression,
  type CompileOptions,
  DYN,
  fromJson,
  type Program,
} from '@kapella/cel';
import type { Variables } from './variables.ts';

/** What an expression became: a program, or why it is none. */
export type Expression = { readonly program: Program } | { readonly error: string };

export interface CompiledVariable {
  readonly name: string;
  readonly expression: Expression;
}

export function compileOne(
  source: string,
  types: ReadonlyMap<string, CelType>,
  more: Partial<CompileOptions> = {},
): Expression {
  const compiled = compileExpression(source, { ...more, variables: types });
  return compiled.ok ? { program: compiled.program } : { error: compiled.text };
}

/** `types` with `variables` in it, for the expressions that may use them all. */
export function compileVariables(
  variables: readonly Variable[],
  types: ReadonlyMap<string, CelType>,
): { readonly types: ReadonlyMap<string, CelType>; readonly variables: readonly CompiledVariable[] } {
  const fields = new Map<string, CelField>();
  const withFields = () =>
    new Map([
      ...types,
      ['variables', { kind: 'object', name: 'kubernetes.variables', fields: new Map(fields) }],
    ] as const);
  const compiled = variables.map(({ name, expression }): CompiledVariable => {
    const found = compileOne(expression, withFields() as ReadonlyMap<string, CelType>);
    fields.set(name, { type: 'program' in found ? found.program.type : DYN, key: name });
    return { name, expression: found };
  });
  return { types: withFields() as ReadonlyMap<string, CelType>, variables: compiled };
}

/** One evaluation of a policy's expressions: variables are found when first asked for, and all share one budget. */
export class Evaluation {
  readonly #values: Variables;
  #budget: number;

  constructor(values: Variables, variables: readonly CompiledVariable[], budget = COST_BUDGET) {
    this.#budget = budget;
    this.#values = { ...values, variables: new LazyVariables(this, variables) };
  }

  /** Throws CelError. */
  run(expression: Expression): CelValue {
    if ('error' in expression) throw new CelError(`compilation error: ${expression.error}`);
    if (this.#budget <= 0) {
      throw new CelError(
        'validation failed due to running out of cost budget, no further validation rules will be run',
      );
    }
    try {
      const { value, cost } = expression.program.evaluate(this.#values, Math.min(this.#budget, COST_PER_CALL_MAX));
      this.#budget -= cost;
      return value;
    } catch (error) {
      if (error instanceof CelError) this.#budget -= error.cost;
      throw error;
    }
  }
}

class LazyVariables extends CelMap {
  readonly #evaluation: Evaluation;
  readonly #expressions: ReadonlyMap<string, Expression>;
  readonly #found = new Map<string, CelValue>();

  constructor(evaluation: Evaluation, variables: readonly CompiledVariable[]) {
    super();
    this.#evaluation = evaluation;
    this.#expressions = new Map(variables.map(({ name, expression }) => [name, expression]));
  }

  get size(): number {
    return this.#expressions.size;
  }

  get(key: CelValue): CelValue | undefined {
    const name = String(key);
    const expression = this.#expressions.get(name);
    if (expression === undefined) return undefined;
    let value = this.#found.get(name);
    if (value === undefined) {
      value = this.#evaluation.run(expression);
      this.#found.set(name, value);
    }
    return fromJson(value, DYN);
  }

  keys(): readonly CelValue[] {
    return [...this.#expressions.keys()];
  }
}
