/** Changes objects by expressions. Source: apiserver/pkg/admission/plugin/policy/mutating. */
import { admissionregistrationV1, applyJsonPatch, type UnknownObject } from '@kapella/api';
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '@kapella/api/types/admissionregistration-v1';
import { type AdmissionPlugin, type AdmissionRequest, REINVOKE } from '@kapella/apiserver';
import { ApiError, jsonEqual } from '@kapella/base';
import { type CelField, type CelType, DYN, listOf, STRING, toJson } from '@kapella/cel';
import { withAnswers } from '../../policies/authorizer-answers.ts';
import { isMeeting, type Meeting, PolicySource } from '../../policies/bound.ts';
import { compileOne, Evaluation, type Expression } from '../../policies/expressions.ts';

const NAME = 'MutatingAdmissionPolicy';

type Policy = MutatingAdmissionPolicy;
type Binding = MutatingAdmissionPolicyBinding;

interface CompiledMutation {
  readonly patchType: string;
  readonly expression: Expression;
}

const fields = (types: Readonly<Record<string, CelType>>) =>
  new Map(Object.entries(types).map(([key, type]): [string, CelField] => [key, { type, key }]));
const PATCH: CelType = {
  kind: 'object',
  name: 'JSONPatch',
  fields: fields({ op: STRING, path: STRING, from: STRING, value: DYN }),
};
const OBJECT: CelType = { kind: 'object', name: 'Object', fields: new Map(), open: true };

/** `Object`, `Object.spec`, `Object.spec.template`…: any path names the type of what may stand there. */
const STRUCTS = {
  get(name: string): CelType | undefined {
    if (name === 'JSONPatch') return PATCH;
    return name === 'Object' ? OBJECT : name.startsWith('Object.') ? { ...OBJECT, name } : undefined;
  },
};

const source = new PolicySource<Policy, Binding, readonly CompiledMutation[]>(
  admissionregistrationV1.MutatingAdmissionPolicy,
  admissionregistrationV1.MutatingAdmissionPolicyBinding,
  ({ spec }, types) => (spec.mutations ?? []).map((mutation) => compileMutation(mutation, types)),
);

function compileMutation(mutation: Mutation, types: ReadonlyMap<string, CelType>): CompiledMutation {
  const isPatch = mutation.patchType === 'JSONPatch';
  const text = (isPatch ? mutation.jsonPatch?.expression : mutation.applyConfiguration?.expression) ?? '';
  const resultTypes = [isPatch ? listOf(PATCH) : OBJECT];
  return { patchType: mutation.patchType, expression: compileOne(text, types, { structs: STRUCTS, resultTypes }) };
}

export const mutatingAdmissionPolicy: AdmissionPlugin = {
  name: NAME,
  handles: ({ operation }) => operation === 'CREATE' || operation === 'UPDATE',
  isIdle: (_, server) => source.hasNone(server),

  async admit(request, server, ctx) {
    const current = await withAnswers(request, ctx, async (asking) =>
      applyAll(await source.meetings(asking, server, ctx), asking),
    );
    if (current.object === request.object) return undefined;
    if (request.reinvocation !== true) request.memory?.set(REINVOKE, true);
    return current.object;
  },
};

function applyAll(met: Awaited<ReturnType<typeof source.meetings>>, request: AdmissionRequest): AdmissionRequest {
  let current = request;
  for (const meeting of met) {
    if (isMeeting(meeting)) current = apply(meeting, current);
    else if (meeting.policy.spec.failurePolicy !== 'Ignore') {
      throw failed(meeting.policy, meeting.binding, meeting.error);
    }
  }
  return current;
}

/** The request with the object as this policy wants it. In a second round only policies that ask for it take part. */
function apply(
  meeting: Meeting<Policy, Binding, readonly CompiledMutation[]>,
  request: AdmissionRequest,
): AdmissionRequest {
  const { compiled, binding, values } = meeting;
  const { policy } = compiled;
  if (request.reinvocation === true && policy.spec.reinvocationPolicy !== 'IfNeeded') return request;
  let object = request.object;
  try {
    for (const mutation of compiled.parts) {
      // Each sees what the one before made of the object, and so do its variables.
      const evaluation = new Evaluation({ ...values, object: object ?? null }, compiled.variables);
      object = mutate(mutation, evaluation, object, request);
    }
  } catch (error) {
    if (policy.spec.failurePolicy === 'Ignore') return request;
    throw failed(policy, binding, (error as Error).message);
  }
  return jsonEqual(object, request.object) ? request : { ...request, ...(object === undefined ? {} : { object }) };
}

function mutate(
  { patchType, expression }: CompiledMutation,
  evaluation: Evaluation,
  object: UnknownObject | undefined,
  request: AdmissionRequest,
): UnknownObject | undefined {
  if (object === undefined) return undefined;
  const result = toJson(evaluation.run(expression));
  if (patchType === 'JSONPatch') return applyJsonPatch(object, result) as UnknownObject;
  return request.overlay === undefined ? object : request.overlay(object, result as object);
}

function failed({ metadata }: Policy, binding: Binding | undefined, why: string): ApiError {
  const by = binding === undefined ? '' : ` with binding '${binding.metadata.name}'`;
  const text = `policy '${metadata.name}'${by} denied request: ${why}`;
  return new ApiError('Invalid', text, { details: { causes: [{ message: text }] } });
}
