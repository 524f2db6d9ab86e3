/** Whether an applied configuration fits its type. Source: structured-merge-diff v6 typed/validate.go. */
import { elementOfItem } from './list-items.ts';
import { fieldElement, formatElement, type PathElement } from './path-element.ts';
import type { ApplyType, ListType, MapType, ScalarKind } from './schema.ts';
import { isPlain, shapeFor } from './values.ts';

/** Problems in upstream's words, `.spec.replicas: expected numeric (int or float), got string`; none when it fits. */
export function validateObject(value: unknown, type: ApplyType): string[] {
  const problems: string[] = [];
  visit(value, type, '', problems);
  return problems;
}

/** One problem as it is, several as a list. */
export function joinProblems(problems: readonly string[]): string {
  return problems.length === 1 ? (problems[0] ?? '') : ['errors:', ...problems.map((text) => `  ${text}`)].join('\n');
}

const say = (path: string, message: string): string => (path === '' ? message : `${path}: ${message}`);

function visit(value: unknown, type: ApplyType, path: string, problems: string[]): void {
  switch (shapeFor(type, value)) {
    case 'map':
      visitMap(value, type.map as MapType, path, problems);
      return;
    case 'list':
      visitList(value, type.list as ListType, path, problems);
      return;
    case 'scalar': {
      const problem = scalarProblem(value, type.scalar as ScalarKind);
      if (problem !== undefined) problems.push(say(path, problem));
      return;
    }
    default:
      problems.push(say(path, 'schema error: invalid atom: inlined'));
  }
}

function visitMap(value: unknown, type: MapType, path: string, problems: string[]): void {
  if (value === null) return;
  if (!isPlain(value)) {
    problems.push(say(path, `expected map, got &{${goValue(value)}}`));
    return;
  }
  for (const key of Object.keys(value)) {
    const childPath = path + formatElement(fieldElement(key));
    const childType = type.field(key) ?? type.values;
    if (childType !== undefined) visit(value[key], childType, childPath, problems);
    else problems.push(say(childPath, 'field not declared in schema'));
  }
}

function visitList(value: unknown, type: ListType, path: string, problems: string[]): void {
  if (value === null) return;
  if (!Array.isArray(value)) {
    problems.push(say(path, `expected list, got &{${goValue(value)}}`));
    return;
  }
  const seen = new Set<PathElement>();
  for (const [i, item] of value.entries()) {
    let element: PathElement = `i:${i}`;
    if (type.associative) {
      const found = elementOfItem(type, item);
      if ('problem' in found) {
        problems.push(say(path, `element ${i}: ${found.problem}`));
        return;
      }
      element = found.element;
      if (seen.has(element)) problems.push(say(path, `duplicate entries for key ${formatElement(element)}`));
      seen.add(element);
    }
    visit(item, type.item, path + formatElement(element), problems);
  }
}

function scalarProblem(value: unknown, kind: ScalarKind): string | undefined {
  if (value === null) return undefined;
  switch (kind) {
    case 'numeric':
      return typeof value === 'number' || typeof value === 'bigint'
        ? undefined
        : `expected numeric (int or float), got ${goType(value)}`;
    case 'string':
      if (typeof value === 'string') return undefined;
      return `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got &{${goValue(value)}}`;
    case 'untyped':
      return typeof value === 'object' ? `expected any scalar, got &{${goValue(value)}}` : undefined;
  }
}

/** As Go's `%v`. */
function goValue(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (!isPlain(value)) return String(value);
  return `map[${Object.keys(value)
    .sort()
    .map((key) => `${key}:${goValue(value[key])}`)
    .join(' ')}]`;
}

/** As Go's `%#v`. */
function goSyntax(value: unknown): string {
  if (value === null) return 'interface {}(nil)';
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (!isPlain(value)) return JSON.stringify(value);
  const fields = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
  return `map[string]interface {}{${fields.join(', ')}}`;
}

/** As Go's `%T`. */
function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'object') return 'map[string]interface {}';
  return typeof value === 'boolean' ? 'bool' : 'string';
}
