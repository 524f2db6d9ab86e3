/** Asks mutating webhooks, one after the other. Source: apiserver/pkg/admission/plugin/webhook/mutating. */
import { admissionregistrationV1, applyJsonPatch, type UnknownObject } from '@kapella/api';
import {
  type AdmissionPlugin,
  type AdmissionRequest,
  type EquivalentKind,
  REINVOKE,
  type ServerAccess,
} from '@kapella/apiserver';
import { ApiError, type Ctx, jsonEqual } from '@kapella/base';
import { type CompiledWebhook, webhooksOf } from '../../webhooks/configuration.ts';
import { askWebhook, formFor } from '../../webhooks/dispatch.ts';
import type { ReviewAnswer } from '../../webhooks/review.ts';

const NAME = 'MutatingAdmissionWebhook';
const MUTATION = 'mutation.webhook.admission.k8s.io/';

/** What one request's first round leaves for its second. */
interface Round {
  /** What each webhook that may be asked again last saw or made. */
  readonly seen: Map<string, UnknownObject>;
  /** What the audit log calls the call that is being made. */
  call: string;
}

export const mutatingAdmissionWebhook: AdmissionPlugin = {
  name: NAME,
  handles: () => true,
  isIdle: (_, server) => server.isEmpty(admissionregistrationV1.MutatingWebhookConfiguration),

  async admit(request, server, ctx) {
    const webhooks = await webhooksOf(admissionregistrationV1.MutatingWebhookConfiguration, server);
    if (webhooks.length === 0) return undefined;
    const round = roundOf(request);
    let current = request;
    for (const [index, webhook] of webhooks.entries()) {
      if (request.reinvocation === true && !isAskedAgain(webhook, current, round)) continue;
      round.call = `round_${request.reinvocation === true ? 1 : 0}_index_${index}`;
      const object = await ask(webhook, current, round, server, ctx);
      if (object !== current.object) current = { ...current, object };
    }
    if (request.reinvocation !== true && current.object !== request.object) request.memory?.set(REINVOKE, true);
    return current.object === request.object ? undefined : current.object;
  },
};

/** The object after this webhook. */
async function ask(
  webhook: CompiledWebhook,
  request: AdmissionRequest,
  { seen, call }: Round,
  server: ServerAccess,
  ctx: Ctx,
): Promise<UnknownObject | undefined> {
  const form = await formFor(webhook, request, server, ctx);
  if (form === undefined) return request.object;
  const answer = await askWebhook(webhook, request, form, true, server, ctx);
  note(webhook, request, call, answer);
  const object =
    answer?.patch === undefined ? request.object : await patched(webhook, request, form, answer.patch, ctx);
  if (object !== undefined && webhook.hook.reinvocationPolicy === 'IfNeeded') seen.set(webhook.id, object);
  return object;
}

/** For the audit log, under upstream's keys. The patch may hold what only bodies may show. */
function note(
  { hook, configuration }: CompiledWebhook,
  request: AdmissionRequest,
  call: string,
  answer: ReviewAnswer | undefined,
): void {
  if (request.annotate === undefined) return;
  const webhook = hook.name;
  if (answer === undefined) {
    request.annotate(`failed-open.${MUTATION}${call}`, webhook);
    return;
  }
  const patch = answer.patch as readonly object[] | undefined;
  const mutated = patch !== undefined && patch.length > 0;
  request.annotate(`${MUTATION}${call}`, JSON.stringify({ configuration, webhook, mutated }));
  if (!mutated) return;
  const told = { configuration, webhook, patch, patchType: 'JSONPatch' };
  request.annotate(`patch.webhook.admission.k8s.io/${call}`, JSON.stringify(told), 'Request');
}

function roundOf({ memory }: AdmissionRequest): Round {
  const known = memory?.get(NAME) as Round | undefined;
  if (known !== undefined) return known;
  const round: Round = { seen: new Map(), call: '' };
  memory?.set(NAME, round);
  return round;
}

/** In the second round: those that want it, when others changed the object after them. */
function isAskedAgain({ id }: CompiledWebhook, { object }: AdmissionRequest, { seen }: Round): boolean {
  const last = seen.get(id);
  return last !== undefined && !jsonEqual(last, object);
}

async function patched(
  { hook }: CompiledWebhook,
  { object }: AdmissionRequest,
  form: 'own' | EquivalentKind,
  patch: unknown,
  ctx: Ctx,
): Promise<UnknownObject | undefined> {
  if (object === undefined) return undefined; // on DELETE there is nothing to change
  try {
    const given = form === 'own' ? object : await form.convert(object, ctx);
    const next = applyJsonPatch(given, patch) as UnknownObject;
    return form === 'own' ? next : await form.restore(next, ctx);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ApiError(
      'InternalError',
      `Internal error occurred: admission webhook ${JSON.stringify(hook.name)}: ${why}`,
      { cause: error },
    );
  }
}
