/** Checks requests by expressions. Source: apiserver/pkg/admission/plugin/policy/validating. */
import { admissionregistrationV1 } from '@kapella/api';
import type {
  AuditAnnotation,
  Validation,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '@kapella/api/types/admissionregistration-v1';
import {
  type AdmissionPlugin,
  type AdmissionRequest,
  celMetrics,
  type PolicyCheck,
  type ServerAccess,
} from '@kapella/apiserver';
import { ApiError, type Ctx, REASON_CODES, type StatusReason } from '@kapella/base';
import { BOOL, type CelType, NULL, STRING } from '@kapella/cel';
import { withAnswers } from '../../policies/authorizer-answers.ts';
import { isMeeting, type Meeting, type Misconfigured, PolicySource } from '../../policies/bound.ts';
import { compileOne, type Evaluation, type Expression } from '../../policies/expressions.ts';
import { refuse } from '../../support/request.ts';

type Policy = ValidatingAdmissionPolicy;
type Binding = ValidatingAdmissionPolicyBinding;

interface CompiledValidation {
  readonly validation: Validation;
  readonly expression: Expression;
  readonly message: Expression | undefined;
}

interface Parts {
  readonly validations: readonly CompiledValidation[];
  readonly annotations: readonly { readonly annotation: AuditAnnotation; readonly expression: Expression }[];
}

interface Failure {
  readonly policy: string;
  readonly binding: Binding | undefined;
  readonly message: string;
  readonly reason: StatusReason | string;
  /** Of the validation in its policy; absent for failures of the policy itself. */
  readonly index?: number;
  readonly errorType: PolicyCheck['errorType'];
  /** That the policy took. */
  readonly seconds?: number;
}

const MESSAGE_BYTES_MAX = 5 * 1024;

const source = new PolicySource<Policy, Binding, Parts>(
  admissionregistrationV1.ValidatingAdmissionPolicy,
  admissionregistrationV1.ValidatingAdmissionPolicyBinding,
  compileParts,
);

function compileParts({ spec }: Policy, types: ReadonlyMap<string, CelType>): Parts {
  return {
    validations: (spec.validations ?? []).map((validation) => ({
      validation,
      expression: compileOne(validation.expression, types, { resultTypes: [BOOL] }),
      message: validation.messageExpression
        ? compileOne(validation.messageExpression, types, { resultTypes: [STRING] })
        : undefined,
    })),
    annotations: (spec.auditAnnotations ?? []).map((annotation) => ({
      annotation,
      expression: compileOne(annotation.valueExpression, types, { resultTypes: [STRING, NULL] }),
    })),
  };
}

export const validatingAdmissionPolicy: AdmissionPlugin = {
  name: 'ValidatingAdmissionPolicy',
  handles: () => true,
  isIdle: (_, server) => source.hasNone(server),

  async validate(request, server, ctx) {
    const failures = await withAnswers(request, ctx, async (asking) =>
      (await source.meetings(asking, server, ctx)).flatMap((meeting) =>
        isMeeting(meeting) ? timed(meeting, asking, server, ctx) : misconfigured(meeting),
      ),
    );
    if (failures.length === 0) return;
    report(failures, request);
    count(failures, server);
    const denied = failures.find(({ binding }) => binding?.spec.validationActions.includes('Deny') ?? true);
    if (denied !== undefined) throw denial(denied, request);
  },
};

function misconfigured({ policy, binding, error }: Misconfigured<Policy, Binding>): readonly Failure[] {
  if (policy.spec.failurePolicy === 'Ignore') return [];
  return [{ policy: policy.metadata.name, binding, message: error, reason: 'Invalid', errorType: 'invalid_error' }];
}

function timed(
  meeting: Meeting<Policy, Binding, Parts>,
  request: AdmissionRequest,
  { metrics }: ServerAccess,
  { clock }: Ctx,
): readonly Failure[] {
  const fromMs = clock.monotonicMs();
  const failures = evaluate(meeting, request);
  const seconds = (clock.monotonicMs() - fromMs) / 1000;
  if (metrics !== undefined) celMetrics(metrics).evaluated(seconds);
  return failures.map((failure) => ({ ...failure, seconds }));
}

/** As upstream: only what was found is counted, once for each thing that is done about it. */
function count(failures: readonly Failure[], { metrics }: ServerAccess): void {
  if (metrics === undefined) return;
  for (const { policy, binding, errorType, seconds = 0 } of failures) {
    for (const action of binding?.spec.validationActions ?? ['Deny']) {
      const told = { policy, binding: binding?.metadata.name ?? '', errorType };
      celMetrics(metrics).checked({ ...told, action: action.toLowerCase() as PolicyCheck['action'] }, seconds);
    }
  }
}

function evaluate(
  { compiled, binding, evaluation }: Meeting<Policy, Binding, Parts>,
  request: AdmissionRequest,
): readonly Failure[] {
  const { policy, parts } = compiled;
  const { name } = policy.metadata;
  const failures: Failure[] = [];
  for (const [index, compiledValidation] of parts.validations.entries()) {
    const found = check(compiledValidation, evaluation, policy.spec.failurePolicy === 'Ignore');
    if (found !== undefined) failures.push({ policy: name, binding, index, ...found });
  }
  annotate(parts, name, evaluation, request);
  return failures;
}

/** undefined: it holds, or failed where failures are ignored. */
function check(
  { validation, expression, message }: CompiledValidation,
  evaluation: Evaluation,
  ignoresErrors: boolean,
): Pick<Failure, 'message' | 'reason' | 'errorType'> | undefined {
  const { reason = 'Invalid' } = validation;
  try {
    if (evaluation.run(expression) === true) return undefined;
  } catch (error) {
    if (ignoresErrors) return undefined;
    const why = (error as Error).message;
    const message = `expression '${validation.expression.trim()}' resulted in error: ${why}`;
    return { message, reason: 'Invalid', errorType: 'error' in expression ? 'compile_error' : 'invalid_error' };
  }
  const worded = message === undefined ? undefined : wordsOf(message, evaluation);
  const fallback = validation.message?.trim() || `failed expression: ${validation.expression.trim()}`;
  return { message: worded ?? fallback, reason, errorType: 'no_error' };
}

/** undefined where the expression fails or says nothing that can be shown. */
function wordsOf(expression: Expression, evaluation: Evaluation): string | undefined {
  try {
    const text = String(evaluation.run(expression)).trim();
    return text === '' || text.includes('\n') || text.length > MESSAGE_BYTES_MAX ? undefined : text;
  } catch {
    return undefined; // as upstream: the message that is written down is told instead
  }
}

function annotate({ annotations }: Parts, policy: string, evaluation: Evaluation, request: AdmissionRequest): void {
  for (const { annotation, expression } of annotations) {
    try {
      const value = evaluation.run(expression);
      if (typeof value === 'string' && value.trim() !== '')
        request.annotate?.(`${policy}/${annotation.key}`, value.trim());
    } catch (error) {
      request.annotate?.(`${policy}/${annotation.key}`, `error: ${(error as Error).message}`);
    }
  }
}

function report(failures: readonly Failure[], request: AdmissionRequest): void {
  for (const { policy, binding, message } of failures) {
    if (binding?.spec.validationActions.includes('Warn') !== true) continue;
    const { name } = binding.metadata;
    request.warn(`Validation failed for ValidatingAdmissionPolicy '${policy}' with binding '${name}': ${message}`);
  }
  const audited = failures.filter(({ binding }) => binding?.spec.validationActions.includes('Audit') === true);
  if (audited.length === 0) return;
  const rows = audited.map(({ policy, binding, message, index = 0 }) => ({
    message,
    policy,
    binding: binding?.metadata.name,
    expressionIndex: index,
    validationActions: binding?.spec.validationActions,
  }));
  request.annotate?.('validation.policy.admission.k8s.io/validation_failure', JSON.stringify(rows));
}

function denial({ policy, binding, message, reason }: Failure, request: AdmissionRequest): ApiError {
  const by = binding === undefined ? '' : ` with binding '${binding.metadata.name}'`;
  const text = `ValidatingAdmissionPolicy '${policy}'${by} denied request: ${message}`;
  const { message: full, details } = refuse(request, text);
  const code = (REASON_CODES as Readonly<Record<string, number>>)[reason] ?? 422;
  return new ApiError(reason, full, { code, details: { ...details, causes: [{ message: text }] } });
}
