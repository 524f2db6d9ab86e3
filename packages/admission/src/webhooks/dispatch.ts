/**
 * One call of one webhook, with what its configuration says of failures.
 * Source: apiserver/pkg/admission/plugin/webhook/{mutating,validating}/dispatcher.go.
 */
import {
  type AdmissionRequest,
  callWebhook,
  type EquivalentKind,
  type HttpCaller,
  type ServerAccess,
} from '@kapella/apiserver';
import { ApiError, type Ctx, describeError, errors } from '@kapella/base';
import { withAnswers } from '../policies/authorizer-answers.ts';
import { conditionsHold } from '../policies/conditions.ts';
import { conditionValues } from '../policies/variables.ts';
import type { CompiledWebhook } from './configuration.ts';
import { isExempt, matchesNamespace, matchesObject, matchRules } from './match.ts';
import { measured } from './metrics.ts';
import { denialOf, readAnswer, reviewOf, type ReviewAnswer } from './review.ts';

/** Name under which the composition root gives the way out. */
const HTTP_CALLER = 'httpCaller';
const SECONDS_DEFAULT = 10;

/** undefined: the webhook is not asked about this request. */
export async function formFor(
  { hook, rules, namespaceSelector, objectSelector, conditions }: CompiledWebhook,
  request: AdmissionRequest,
  server: ServerAccess,
  ctx: Ctx,
): Promise<'own' | EquivalentKind | undefined> {
  if (isExempt(request)) return undefined;
  const form = matchRules(rules, hook.matchPolicy, request);
  if (form === undefined || !matchesObject(objectSelector, request)) return undefined;
  if (!(await matchesNamespace(namespaceSelector, request, server))) return undefined;
  if (conditions.length === 0) return form;
  const { holds, error } = await withAnswers(request, ctx, async (asking) =>
    conditionsHold(conditions, await conditionValues(asking, form, server, ctx)),
  );
  if (error === undefined) return holds ? form : undefined;
  if (hook.failurePolicy === 'Ignore') return undefined;
  const name = JSON.stringify(hook.name);
  throw new ApiError(
    'InternalError',
    `Internal error occurred: failed evaluating match conditions of webhook ${name}: ${error}`,
  );
}

/**
 * The answer of a webhook that allows; undefined when it failed and its policy is to ignore that.
 * Throws its refusal, or InternalError when it failed.
 */
export function askWebhook(
  webhook: CompiledWebhook,
  request: AdmissionRequest,
  form: 'own' | EquivalentKind,
  mayPatch: boolean,
  server: ServerAccess,
  ctx: Ctx,
): Promise<ReviewAnswer | undefined> {
  const ask = () => askOne(webhook, request, form, mayPatch, server, ctx);
  return measured(webhook, request, mayPatch, server, () => ctx.clock.monotonicMs(), ask);
}

async function askOne(
  webhook: CompiledWebhook,
  request: AdmissionRequest,
  form: 'own' | EquivalentKind,
  mayPatch: boolean,
  server: ServerAccess,
  ctx: Ctx,
): Promise<ReviewAnswer | undefined> {
  const { hook } = webhook;
  if (request.dryRun && hook.sideEffects !== 'None' && hook.sideEffects !== 'NoneOnDryRun') {
    throw errors.badRequest(`admission webhook ${JSON.stringify(hook.name)} does not support dry run`);
  }
  let answer: ReviewAnswer;
  try {
    answer = await call(webhook, request, form, mayPatch, server, ctx);
  } catch (error) {
    return failed(webhook, error, ctx);
  }
  for (const warning of answer.warnings) request.warn(warning);
  for (const [key, value] of Object.entries(answer.auditAnnotations)) request.annotate?.(`${hook.name}/${key}`, value);
  if (!answer.allowed) throw denialOf(hook.name, answer);
  return answer;
}

async function call(
  { hook }: CompiledWebhook,
  request: AdmissionRequest,
  form: 'own' | EquivalentKind,
  mayPatch: boolean,
  server: ServerAccess,
  ctx: Ctx,
): Promise<ReviewAnswer> {
  const uid = ctx.random.uuid();
  const { clientConfig, timeoutSeconds = SECONDS_DEFAULT } = hook;
  const caller = server.service<HttpCaller>(HTTP_CALLER);
  const body = await reviewOf(request, form, uid, ctx);
  return readAnswer(
    await callWebhook(caller, server, { config: clientConfig, body, timeoutMs: timeoutSeconds * 1000 }, ctx),
    uid,
    mayPatch,
  );
}

function failed({ hook }: CompiledWebhook, error: unknown, ctx: Ctx): undefined {
  const why = error instanceof Error ? error.message : String(error);
  if (hook.failurePolicy === 'Ignore') {
    ctx.log.warn('webhook failed, ignored by its policy', { webhook: hook.name, error: describeError(error) });
    return undefined;
  }
  const text = `failed calling webhook ${JSON.stringify(hook.name)}: failed to call webhook: ${why}`;
  throw new ApiError('InternalError', `Internal error occurred: ${text}`, {
    cause: error,
    details: { causes: [{ message: text }] },
  });
}
