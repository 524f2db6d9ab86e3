/**
 * Whether the expressions of a policy fit the kinds that it matches.
 * Source: apiserver/pkg/admission/plugin/policy/validating/typechecking.go.
 */
import type { ExpressionWarning, ValidatingAdmissionPolicy } from '@kapella/api/types/admissionregistration-v1';
import { type CelField, type CelType, compileExpression, DYN, policyTypes } from '@kapella/cel';
import type { TypedKind } from './schemas.ts';

/** Pure. `params`: the type of the policy's paramKind, where it has one and that is known. */
export function checkPolicy(
  { spec }: ValidatingAdmissionPolicy,
  kinds: readonly TypedKind[],
  params: CelType | undefined,
): readonly ExpressionWarning[] {
  const scopes = kinds.map((kind) => ({ kind, types: typesFor(spec, kind, params) }));
  const warnings: ExpressionWarning[] = [];
  const check = (fieldRef: string, expression: string | undefined) => {
    if (expression === undefined || expression === '') return;
    const found = scopes.flatMap(({ kind, types }) => issueOf(expression, types, kind));
    if (found.length > 0) warnings.push({ fieldRef, warning: found.join('\n') });
  };
  for (const [i, { expression, messageExpression }] of (spec?.validations ?? []).entries()) {
    check(`spec.validations[${i}].expression`, expression);
    check(`spec.validations[${i}].messageExpression`, messageExpression);
  }
  return warnings;
}

type Types = ReadonlyMap<string, CelType>;

/** As the policy's expressions see it, with objects of this kind. */
function typesFor(
  spec: ValidatingAdmissionPolicy['spec'],
  { type = DYN }: TypedKind,
  params: CelType | undefined,
): Types {
  const hasParams = spec?.paramKind !== undefined;
  const types = new Map(policyTypes(hasParams));
  types.set('object', type);
  types.set('oldObject', type);
  if (hasParams && params !== undefined) types.set('params', params);
  const fields = new Map<string, CelField>();
  for (const { name, expression } of spec?.variables ?? []) {
    const compiled = compileExpression(expression, { variables: withVariables(types, fields) });
    fields.set(name, { type: compiled.ok ? compiled.program.type : DYN, key: name });
  }
  return withVariables(types, fields);
}

function withVariables(types: Types, fields: ReadonlyMap<string, CelField>): Types {
  return new Map([...types, ['variables', { kind: 'object', name: 'kubernetes.variables', fields: new Map(fields) }]]);
}

function issueOf(expression: string, variables: Types, { group, version, kind }: TypedKind): readonly string[] {
  const compiled = compileExpression(expression, { variables });
  if (compiled.ok) return [];
  return [`${group}/${version}, Kind=${kind}: ${compiled.text}\n`];
}
