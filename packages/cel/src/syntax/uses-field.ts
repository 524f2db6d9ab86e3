/** Whether an expression reads one field of a variable. Source: apiserver/pkg/apis/apiserver/validation hasSelectExp. */
import type { Node } from './ast.ts';
import { parse } from './parser.ts';

/** `usesField('claims.?email', 'claims', 'email')`. Also inside macros; not by index. False for what does not parse. */
export function usesField(source: string, variable: string, field: string): boolean {
  const parsed = parse(source);
  return parsed.issues === undefined && reads(parsed.node, variable, field);
}

function reads(node: Node, variable: string, field: string): boolean {
  if ((node.kind === 'select' || node.kind === 'has') && node.field === field) {
    if (node.operand.kind === 'ident' && node.operand.name === variable) return true;
  }
  return Object.values(node).some((value) => readsIn(value, variable, field));
}

function readsIn(value: unknown, variable: string, field: string): boolean {
  if (Array.isArray(value)) return value.some((item) => readsIn(item, variable, field));
  if (typeof value !== 'object' || value === null) return false;
  if ('kind' in value) return reads(value as Node, variable, field);
  return 'key' in value && Object.values(value).some((part) => readsIn(part, variable, field));
}
