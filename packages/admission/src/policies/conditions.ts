/** matchConditions of webhooks and policies. Source: apiserver/pkg/admission/plugin/webhook/matchconditions. */
import type { MatchCondition } from '@kapella/api/types/admissionregistration-v1';
import { BOOL, type CelType, COST_BUDGET_MATCH_CONDITIONS } from '@kapella/cel';
import { CONDITION_TYPES } from '@kapella/cel';
import { compileOne, Evaluation, type Expression } from './expressions.ts';
import type { Variables } from './variables.ts';

export interface CompiledCondition {
  readonly name: string;
  readonly expression: Expression;
}

/** Variables of policies may not be used: conditions come first. */
export function compileConditions(
  conditions: readonly MatchCondition[] | undefined,
  types: ReadonlyMap<string, CelType> = CONDITION_TYPES,
): readonly CompiledCondition[] {
  return (conditions ?? []).map(({ name, expression }) => ({
    name,
    expression: compileOne(expression, types, { resultTypes: [BOOL] }),
  }));
}

/** Whether all hold. An error counts only where none is false: then it is told. */
export function conditionsHold(
  conditions: readonly CompiledCondition[],
  values: Variables,
): { readonly holds: boolean; readonly error?: string } {
  if (conditions.length === 0) return { holds: true };
  const evaluation = new Evaluation(values, [], COST_BUDGET_MATCH_CONDITIONS);
  const errors: string[] = [];
  for (const { name, expression } of conditions) {
    try {
      if (evaluation.run(expression) !== true) return { holds: false };
    } catch (error) {
      errors.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return errors.length === 0 ? { holds: true } : { holds: true, error: errors.join(', ') };
}
