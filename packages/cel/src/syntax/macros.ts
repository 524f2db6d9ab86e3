/** Calls that are no calls: has, the comprehensions, bind, optMap. Source: the CEL language definition, macros. */
import type { ComprehensionMacro, Node } from './ast.ts';
import { SyntaxIssue } from './lexer.ts';

/** Name, number of arguments -> macro with so many variables. */
const COMPREHENSIONS: readonly (readonly [name: string, args: number, macro: ComprehensionMacro, variables: number])[] =
  [
    ['all', 2, 'all', 1],
    ['all', 3, 'all', 2],
    ['exists', 2, 'exists', 1],
    ['exists', 3, 'exists', 2],
    ['exists_one', 2, 'existsOne', 1],
    ['existsOne', 2, 'existsOne', 1],
    ['existsOne', 3, 'existsOne', 2],
    ['map', 2, 'map', 1],
    ['map', 3, 'map', 1],
    ['filter', 2, 'filter', 1],
    ['transformList', 3, 'transformList', 2],
    ['transformList', 4, 'transformList', 2],
    ['transformMap', 3, 'transformMap', 2],
    ['transformMap', 4, 'transformMap', 2],
    ['transformMapEntry', 3, 'transformMapEntry', 2],
    ['transformMapEntry', 4, 'transformMapEntry', 2],
  ];

/** undefined: an ordinary call. Throws SyntaxIssue for a macro that is written wrong. */
export function expandMacro(
  name: string,
  target: Node | undefined,
  args: readonly Node[],
  at: number,
): Node | undefined {
  if (target === undefined) return name === 'has' && args.length === 1 ? hasMacro(args[0] as Node, at) : undefined;
  if (name === 'bind' && target.kind === 'ident' && target.name === 'cel' && args.length === 3) {
    const [variable, value, body] = args as [Node, Node, Node];
    return {
      kind: 'bind',
      form: 'bind',
      at,
      variable: variableOf(variable, 'cel.bind() variable names must be simple identifiers'),
      value,
      body,
    };
  }
  if ((name === 'optMap' || name === 'optFlatMap') && args.length === 2) {
    const [variable, body] = args as [Node, Node];
    return {
      kind: 'bind',
      form: name,
      at,
      variable: variableOf(variable, `${name}() variable name must be a simple identifier`),
      value: target,
      body,
    };
  }
  const row = COMPREHENSIONS.find(([macro, count]) => macro === name && count === args.length);
  return row === undefined ? undefined : comprehension(row[2], row[3], target, args, at);
}

function hasMacro(argument: Node, at: number): Node {
  if (argument.kind !== 'select') throw new SyntaxIssue(argument.at, 'invalid argument to has() macro');
  return { kind: 'has', at, operand: argument.operand, field: argument.field };
}

function comprehension(
  macro: ComprehensionMacro,
  variableCount: number,
  range: Node,
  args: readonly Node[],
  at: number,
): Node {
  const variables = args.slice(0, variableCount).map((node) => variableOf(node, 'argument must be a simple name'));
  if (new Set(variables).size < variables.length) {
    throw new SyntaxIssue(args[1]?.at ?? at, `duplicate variable name: ${variables[0]}`);
  }
  const rest = args.slice(variableCount);
  const body = rest.at(-1) as Node;
  return { kind: 'comprehension', at, macro, range, variables, filter: rest.length > 1 ? rest[0] : undefined, body };
}

function variableOf(node: Node, message: string): string {
  if (node.kind !== 'ident') throw new SyntaxIssue(node.at, message);
  return node.name;
}
