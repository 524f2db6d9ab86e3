/** Expressions compiled once, for variables of known types, and evaluated often. */
import { check, type Scope } from './check/checker.ts';
import { type CelType, formatType, isAssignable } from './check/types.ts';
import { estimateCost, type SizeOf } from './cost/estimate.ts';
import { compile, type Evaluate, Frame, slotsOf } from './evaluate/compile.ts';
import type { Issue, Node } from './syntax/ast.ts';
import { parse } from './syntax/parser.ts';
import { CelError, type CelValue } from './values/values.ts';

/** Units that one evaluation may cost: about a tenth of a second. Source: apiserver/pkg/apis/cel/config.go PerCallLimit. */
export const COST_PER_CALL_MAX = 1_000_000;
/** Units for all expressions of one object, one policy and the like. Source: RuntimeCELCostBudget. */
export const COST_BUDGET = 10_000_000;
/** Units for all match conditions of one webhook or policy. Source: RuntimeCELCostBudgetMatchConditions. */
export const COST_BUDGET_MATCH_CONDITIONS = 2_500_000;

export interface Program {
  readonly source: string;
  readonly type: CelType;
  /** Names of the variables that it uses. */
  readonly uses: ReadonlySet<string>;
  /** Units that an evaluation may cost at worst, where values are as large as `sizeOf` says; saturates at 2^64. */
  estimateCostMax(sizeOf: SizeOf): number;
  /**
   * `variables`: plain JSON or CelValues by name; absent ones are null. `costMax` at most COST_PER_CALL_MAX.
   * Throws CelError, which says what it has cost.
   */
  evaluate(
    variables: Readonly<Record<string, unknown>>,
    costMax?: number,
  ): { readonly value: CelValue; readonly cost: number };
}

export type Compiled =
  | { readonly ok: true; readonly program: Program }
  /** `text` is laid out as cel-go does, for people; clients match on it. */
  | { readonly ok: false; readonly issues: readonly Issue[]; readonly text: string };

export interface CompileOptions extends Scope {
  /** What the result must be one of; absent: anything. */
  readonly resultTypes?: readonly CelType[];
}

export function compileExpression(source: string, options: CompileOptions): Compiled {
  const parsed = parse(source);
  if (parsed.issues !== undefined) return failed(source, parsed.issues);
  const checked = check(parsed.node, options);
  if (checked.issues.length > 0) return failed(source, checked.issues);
  const { resultTypes } = options;
  if (resultTypes !== undefined && !resultTypes.some((wanted) => isAssignable(wanted, checked.type, new Map()))) {
    const names = resultTypes.map(formatType);
    const wanted = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
    return { ok: false, issues: [], text: `must evaluate to ${wanted}` };
  }
  const names = [...options.variables.keys()];
  const { evaluate, slotCount } = compile(parsed.node, checked, names);
  const uses = new Set<string>();
  collectNames(parsed.node, uses);
  const estimate = (sizeOf: SizeOf) => estimateCost(parsed.node, checked, sizeOf).max;
  const program = { source, type: checked.type, uses, estimate, evaluate, slotCount };
  return { ok: true, program: new CompiledProgram(program, options) };
}

interface Parts {
  readonly source: string;
  readonly type: CelType;
  readonly uses: ReadonlySet<string>;
  readonly estimate: Program['estimateCostMax'];
  readonly evaluate: Evaluate;
  readonly slotCount: number;
}

class CompiledProgram implements Program {
  readonly source: string;
  readonly type: CelType;
  readonly uses: ReadonlySet<string>;
  readonly estimateCostMax: Program['estimateCostMax'];
  readonly #names: readonly string[];
  readonly #types: readonly CelType[];
  readonly #evaluate: Evaluate;
  readonly #slotCount: number;

  constructor({ source, type, uses, estimate, evaluate, slotCount }: Parts, { variables }: Scope) {
    this.source = source;
    this.type = type;
    this.uses = uses;
    this.estimateCostMax = estimate;
    this.#names = [...variables.keys()];
    this.#types = [...variables.values()];
    this.#evaluate = evaluate;
    this.#slotCount = slotCount;
  }

  evaluate(variables: Readonly<Record<string, unknown>>, costMax = COST_PER_CALL_MAX) {
    const values = this.#names.map((name) => (Object.hasOwn(variables, name) ? variables[name] : null));
    const frame = new Frame(slotsOf(this.#types, values, this.#slotCount), Math.min(costMax, COST_PER_CALL_MAX));
    try {
      return { value: this.#evaluate(frame), cost: frame.cost };
    } catch (error) {
      if (error instanceof CelError) error.cost = frame.cost;
      throw error;
    }
  }
}

function failed(source: string, issues: readonly Issue[]): Compiled {
  return { ok: false, issues, text: issues.map((issue) => display(source, issue)).join('\n') };
}

/** `ERROR: <input>:1:6: what`, the line, and a mark under the place. */
function display(source: string, { at, message }: Issue): string {
  const before = source.slice(0, at).split('\n');
  const column = [...(before.at(-1) ?? '')].length;
  const line = source.split('\n')[before.length - 1] ?? '';
  return `ERROR: <input>:${before.length}:${column + 1}: ${message}\n | ${line}\n | ${'.'.repeat(column)}^`;
}

/** Every identifier, whether variable or not: variables of comprehensions hide others, which does no harm here. */
function collectNames(node: Node, names: Set<string>): void {
  if (node.kind === 'ident') names.add(node.name);
  for (const value of Object.values(node)) collectIn(value, names);
}

function collectIn(value: unknown, names: Set<string>): void {
  if (Array.isArray(value)) for (const item of value) collectIn(item, names);
  else if (typeof value === 'object' && value !== null && ('kind' in value || 'key' in value)) {
    if ('kind' in value) collectNames(value as Node, names);
    else for (const part of Object.values(value)) collectIn(part, names);
  }
}
