/** Expressions compiled once, for variables of known types, and evaluated often. */
import { check, type Scope } from './check/checker.ts';
import { type CelType, formatType, isAssignable } from './check/types.ts';
import { compile, type Evaluate, Frame, slotsOf } from './evaluate/compile.ts';
import type { Issue, Node } from './syntax/ast.ts';
import { parse } from './syntax/parser.ts';
import type { CelValue } from './values/values.ts';

/** Units that one evaluation may cost: about a tenth of a second. Source: apiserver/pkg/apis/cel/config.go PerCallLimit. */
export const COST_PER_CALL_MAX = 1_000_000;
/** Units for all expressions of one object, one policy and the like. Source: RuntimeCELCostBudget. */
export const COST_BUDGET = 10_000_000;

export interface Program {
  readonly source: string;
  readonly type: CelType;
  /** Names of the variables that it uses. */
  readonly uses: ReadonlySet<string>;
  /**
   * `variables`: plain JSON or CelValues by name; absent ones are null. `costMax` at most COST_PER_CALL_MAX.
   * Throws CelError.
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
  return { ok: true, program: new CompiledProgram(source, checked.type, uses, options, evaluate, slotCount) };
}

class CompiledProgram implements Program {
  readonly source: string;
  readonly type: CelType;
  readonly uses: ReadonlySet<string>;
  readonly #names: readonly string[];
  readonly #types: readonly CelType[];
  readonly #evaluate: Evaluate;
  readonly #slotCount: number;

  constructor(
    source: string,
    type: CelType,
    uses: ReadonlySet<string>,
    { variables }: Scope,
    evaluate: Evaluate,
    slotCount: number,
  ) {
    this.source = source;
    this.type = type;
    this.uses = uses;
    this.#names = [...variables.keys()];
    this.#types = [...variables.values()];
    this.#evaluate = evaluate;
    this.#slotCount = slotCount;
  }

  evaluate(variables: Readonly<Record<string, unknown>>, costMax = COST_PER_CALL_MAX) {
    const values = this.#names.map((name) => (Object.hasOwn(variables, name) ? variables[name] : null));
    const frame = new Frame(slotsOf(this.#types, values, this.#slotCount), Math.min(costMax, COST_PER_CALL_MAX));
    const value = this.#evaluate(frame);
    return { value, cost: frame.cost };
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
