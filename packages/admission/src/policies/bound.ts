/** Policies with their bindings, compiled once per revision of each, and which of them a request meets. */
import type { KindRef } from '@kapella/api';
import type {
  MatchCondition,
  MatchResources,
  ParamKind,
  ParamRef,
  Variable,
} from '@kapella/api/types/admissionregistration-v1';
import { type AdmissionRequest, celMetrics, type EquivalentKind, type ServerAccess } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import type { CelType } from '@kapella/cel';
import { policyTypes } from '@kapella/cel';
import { isExempt } from '../webhooks/match.ts';
import { type CompiledCondition, compileConditions, conditionsHold } from './conditions.ts';
import { type CompiledVariable, compileVariables, Evaluation } from './expressions.ts';
import { compileMatcher, type Matcher, matchRequest } from './match.ts';
import { paramsFor } from './params.ts';
import { conditionValues, namespaceValue, type Variables } from './variables.ts';

/** What both kinds of policies have. */
export interface AnyPolicy {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly paramKind?: ParamKind;
    readonly matchConstraints?: MatchResources;
    readonly variables?: readonly Variable[];
    readonly failurePolicy?: string;
    readonly matchConditions?: readonly MatchCondition[];
  };
}

export interface AnyBinding {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly policyName?: string;
    readonly paramRef?: ParamRef;
    readonly matchResources?: MatchResources;
  };
}

export interface CompiledPolicy<P, Parts> {
  readonly policy: P;
  readonly matcher: Matcher | undefined;
  readonly conditions: readonly CompiledCondition[];
  readonly variables: readonly CompiledVariable[];
  readonly parts: Parts;
}

/** One meeting of a request with a policy through one of its bindings, for one param. */
export interface Meeting<P, B, Parts> {
  readonly compiled: CompiledPolicy<P, Parts>;
  readonly binding: B;
  readonly form: 'own' | EquivalentKind;
  readonly evaluation: Evaluation;
  /** For evaluations of a changed object. */
  readonly values: Variables;
}

/** Something about a policy or binding is wrong: `failurePolicy` decides what becomes of the request. */
export interface Misconfigured<P, B> {
  readonly policy: P;
  readonly binding: B | undefined;
  readonly error: string;
}

export class PolicySource<P extends AnyPolicy, B extends AnyBinding, Parts> {
  readonly #policies: KindRef<P>;
  readonly #bindings: KindRef<B>;
  readonly #partsOf: (policy: P, types: ReadonlyMap<string, CelType>) => Parts;
  readonly #compiled = new WeakMap<object, CompiledPolicy<P, Parts>>();
  readonly #matchers = new WeakMap<object, { readonly matcher: Matcher | undefined }>();

  /** `partsOf`: what a kind of policy compiles besides, with `variables` declared in `types`. */
  constructor(
    policies: KindRef<P>,
    bindings: KindRef<B>,
    partsOf: (policy: P, types: ReadonlyMap<string, CelType>) => Parts,
  ) {
    this.#policies = policies;
    this.#bindings = bindings;
    this.#partsOf = partsOf;
  }

  hasNone(server: ServerAccess): boolean {
    return server.isEmpty(this.#bindings);
  }

  /** In the order of policies, then bindings. */
  async meetings(
    request: AdmissionRequest,
    server: ServerAccess,
    ctx: Ctx,
  ): Promise<readonly (Meeting<P, B, Parts> | Misconfigured<P, B>)[]> {
    const bindings = await server.list(this.#bindings);
    if (bindings.length === 0 || isExempt(request)) return [];
    const met: (Meeting<P, B, Parts> | Misconfigured<P, B>)[] = [];
    for (const policy of await server.list(this.#policies)) {
      const own = bindings.filter(({ spec }) => spec.policyName === policy.metadata.name);
      if (own.length > 0)
        met.push(...(await this.#meet(this.#compile(policy, server, ctx), own, request, server, ctx)));
    }
    return met;
  }

  async #meet(
    compiled: CompiledPolicy<P, Parts>,
    bindings: readonly B[],
    request: AdmissionRequest,
    server: ServerAccess,
    ctx: Ctx,
  ): Promise<(Meeting<P, B, Parts> | Misconfigured<P, B>)[]> {
    const { policy } = compiled;
    const form = await matchRequest(compiled.matcher, request, server);
    if (form === undefined) return [];
    const values = {
      ...(await conditionValues(request, form, server, ctx)),
      namespaceObject: await namespaceValue(request, server),
    };
    const met: (Meeting<P, B, Parts> | Misconfigured<P, B>)[] = [];
    for (const binding of bindings) {
      if ((await matchRequest(this.#matcherOf(binding), request, server)) === undefined) continue;
      try {
        for (const params of await paramsFor(policy.spec.paramKind, binding.spec.paramRef, request, server)) {
          const all = { ...values, params };
          const { holds, error } = conditionsHold(compiled.conditions, all);
          if (error !== undefined) met.push({ policy, binding, error });
          else if (holds) {
            const evaluation = new Evaluation(all, compiled.variables);
            met.push({ compiled, binding, form, evaluation, values: all });
          }
        }
      } catch (error) {
        met.push({ policy, binding, error: `failed to configure binding: ${(error as Error).message}` });
      }
    }
    return met;
  }

  /** The server keeps these objects decoded: the same object is the same revision. */
  #compile(policy: P, { metrics }: ServerAccess, { clock }: Ctx): CompiledPolicy<P, Parts> {
    const known = this.#compiled.get(policy);
    if (known !== undefined) return known;
    const fromMs = clock.monotonicMs();
    const { paramKind, matchConstraints, matchConditions, variables = [] } = policy.spec;
    const types = policyTypes(paramKind !== undefined);
    const compiledVariables = compileVariables(variables, types);
    const compiled: CompiledPolicy<P, Parts> = {
      policy,
      matcher: compileMatcher(matchConstraints),
      conditions: compileConditions(matchConditions, types),
      variables: compiledVariables.variables,
      parts: this.#partsOf(policy, compiledVariables.types),
    };
    this.#compiled.set(policy, compiled);
    if (metrics !== undefined) celMetrics(metrics).compiled((clock.monotonicMs() - fromMs) / 1000);
    return compiled;
  }

  #matcherOf(binding: B): Matcher | undefined {
    let known = this.#matchers.get(binding);
    if (known === undefined) {
      known = { matcher: compileMatcher(binding.spec.matchResources) };
      this.#matchers.set(binding, known);
    }
    return known.matcher;
  }
}

export function isMeeting<P, B, Parts>(met: Meeting<P, B, Parts> | Misconfigured<P, B>): met is Meeting<P, B, Parts> {
  return 'compiled' in met;
}
