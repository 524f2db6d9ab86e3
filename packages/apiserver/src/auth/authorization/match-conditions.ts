/** Whether a webhook is asked: expressions over the review that it would get. Source: apiserver/pkg/authorization/cel. */
import {
  BOOL,
  CelError,
  type CelType,
  compileExpression,
  formatType,
  listOf,
  mapOf,
  type Program,
  STRING,
} from '@kapella/cel';
import type { ReviewSpec } from './review.ts';

const object = (name: string, fields: Readonly<Record<string, CelType>>): CelType => ({
  kind: 'object',
  name,
  fields: new Map(Object.entries(fields).map(([key, type]) => [key, { type, key }])),
});
const REQUIREMENT = object('kubernetes.SelectorRequirement', { key: STRING, operator: STRING, values: listOf(STRING) });
const selector = (name: string) => object(name, { rawSelector: STRING, requirements: listOf(REQUIREMENT) });
const REQUEST = object('kubernetes.SubjectAccessReviewSpec', {
  resourceAttributes: object('kubernetes.ResourceAttributes', {
    ...{ namespace: STRING, verb: STRING, group: STRING, version: STRING, resource: STRING },
    ...{ subresource: STRING, name: STRING },
    fieldSelector: selector('kubernetes.FieldSelectorAttributes'),
    labelSelector: selector('kubernetes.LabelSelectorAttributes'),
  }),
  nonResourceAttributes: object('kubernetes.NonResourceAttributes', { path: STRING, verb: STRING }),
  ...{ user: STRING, groups: listOf(STRING), extra: mapOf(STRING, listOf(STRING)), uid: STRING },
});
const VARIABLES: ReadonlyMap<string, CelType> = new Map([['request', REQUEST]]);

/** The program, or what is wrong with it. */
export function compileMatchCondition(source: string): { readonly program: Program } | { readonly error: string } {
  const compiled = compileExpression(source, { variables: VARIABLES });
  if (!compiled.ok) return { error: `compilation failed: ${compiled.text}` };
  const type = formatType(compiled.program.type);
  // Not even dyn will do.
  if (type !== formatType(BOOL)) return { error: `must evaluate to bool but got ${type}` };
  return { program: compiled.program };
}

/** false: one says no. Errors count only where none does. */
export function conditionsMatch(
  conditions: readonly Program[],
  spec: ReviewSpec,
): { readonly matches: boolean; readonly error?: string } {
  if (conditions.length === 0) return { matches: true };
  const request = requestValue(spec);
  const errors: string[] = [];
  for (const program of conditions) {
    try {
      if (program.evaluate({ request }).value !== true) return { matches: false };
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      errors.push(`cel evaluation error: expression '${program.source}' resulted in error: ${error.message}`);
    }
  }
  if (errors.length === 0) return { matches: true };
  return { matches: false, error: errors.length === 1 ? (errors[0] ?? '') : `[${errors.join(', ')}]` };
}

/** Texts that are absent in the review are empty here; selectors and attributes that are absent are absent. */
function requestValue({ resourceAttributes: resource, nonResourceAttributes, user, uid, groups, extra }: ReviewSpec) {
  return {
    ...{ user: user ?? '', uid: uid ?? '', groups: groups ?? [], extra: extra ?? {} },
    ...(resource !== undefined && {
      resourceAttributes: {
        ...{ namespace: '', verb: '', group: '', version: '', resource: '', subresource: '', name: '' },
        ...resource,
      },
    }),
    ...(nonResourceAttributes !== undefined && { nonResourceAttributes }),
  };
}
