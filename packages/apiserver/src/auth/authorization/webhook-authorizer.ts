/** Asks a webhook whether a request may pass. Source: apiserver/plugin/pkg/authorizer/webhook/webhook.go. */
import type { SubjectAccessReview, SubjectAccessReviewStatus } from '@kapella/api/types/authorization-v1';
import type { Ctx } from '@kapella/base';
import type { Program } from '@kapella/cel';
import type { ReviewClient } from '../../outbound/review-client.ts';
import { type Attributes, type Authorizer, type Decision, NO_OPINION } from '../contract.ts';
import type { ReviewVersion } from '../tokens/webhook-tokens.ts';
import { conditionsMatch } from './match-conditions.ts';
import { type ReviewSpec, reviewSpecOf } from './review.ts';

const CACHE_MAX = 8_192;
/** Longer ones are not kept: whoever asks could fill the memory. */
const CACHED_CHARACTERS_MAX = 10_000;

export interface WebhookAuthorizerOptions {
  readonly client: ReviewClient;
  readonly version: ReviewVersion;
  /** 0: not kept. */
  readonly authorizedTtlMs: number;
  readonly unauthorizedTtlMs: number;
  /** What a webhook that does not answer means. */
  readonly onFailure: 'none' | 'deny';
  /** All must hold for the webhook to be asked. */
  readonly conditions: readonly Program[];
  /** Told when the webhook did not answer and the request goes on to the next authorizer. */
  readonly onFailOpen?: () => void;
  readonly onConditions?: (outcome: 'excluded' | 'error') => void;
}

interface Kept {
  readonly status: SubjectAccessReviewStatus;
  readonly untilMs: number;
}

/** Answers at once where conditions or an answer that was kept decide. */
export function createWebhookAuthorizer(options: WebhookAuthorizerOptions): Authorizer {
  return new WebhookAuthorizer(options);
}

class WebhookAuthorizer implements Authorizer {
  readonly #options: WebhookAuthorizerOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #inFlight = new Map<string, Promise<Decision>>();

  constructor(options: WebhookAuthorizerOptions) {
    this.#options = options;
  }

  authorize(attributes: Attributes, ctx: Ctx): Decision | Promise<Decision> {
    const { conditions, onFailure, onConditions } = this.#options;
    const spec = reviewSpecOf(attributes);
    const { matches, error } = conditionsMatch(conditions, spec);
    if (!matches) onConditions?.(error === undefined ? 'excluded' : 'error');
    if (error !== undefined) return { decision: onFailure, reason: '', error };
    if (!matches) return NO_OPINION;
    const key = JSON.stringify(spec);
    const known = this.#kept.get(key);
    if (known !== undefined && known.untilMs > ctx.clock.monotonicMs()) return decisionOf(known.status);
    let pending = this.#inFlight.get(key);
    if (pending === undefined) {
      pending = this.#ask(key, spec, attributes, ctx).finally(() => this.#inFlight.delete(key));
      this.#inFlight.set(key, pending);
    }
    return pending;
  }

  rulesFor() {
    const error = 'webhook authorizer does not support user rule resolution';
    return { resourceRules: [], nonResourceRules: [], incomplete: true, error };
  }

  async #ask(key: string, spec: ReviewSpec, attributes: Attributes, ctx: Ctx): Promise<Decision> {
    const { client, version, onFailure, onFailOpen } = this.#options;
    const review = { kind: 'SubjectAccessReview', apiVersion: `authorization.k8s.io/${version}`, metadata: {}, spec };
    let status: SubjectAccessReviewStatus;
    try {
      const answer = await client.review<SubjectAccessReview>({ ...review, status: { allowed: false } }, ctx);
      status = answer.status ?? { allowed: false };
    } catch (caught) {
      const error = (caught as Error).message;
      ctx.log.error('authorization webhook did not answer', { error });
      if (onFailure === 'none' && !ctx.signal.aborted) onFailOpen?.();
      return { decision: onFailure, reason: '', error };
    }
    this.#keep(key, status, attributes, ctx);
    return decisionOf(status);
  }

  #keep(key: string, status: SubjectAccessReviewStatus, attributes: Attributes, ctx: Ctx): void {
    const { authorizedTtlMs, unauthorizedTtlMs } = this.#options;
    const ttlMs = status.allowed ? authorizedTtlMs : unauthorizedTtlMs;
    this.#kept.delete(key);
    if (ttlMs <= 0 || sizeOf(attributes) >= CACHED_CHARACTERS_MAX) return;
    if (this.#kept.size >= CACHE_MAX) this.#kept.delete(this.#kept.keys().next().value as string);
    this.#kept.set(key, { status, untilMs: ctx.clock.monotonicMs() + ttlMs });
  }
}

/** Of what whoever asks may choose. */
function sizeOf({ namespace, verb, group, version, resource, subresource, name, path, ...rest }: Attributes): number {
  const selectors = JSON.stringify([rest.fieldSelector, rest.labelSelector]).length;
  return [namespace, verb, group, version, resource, subresource, name, path].join('').length + selectors;
}

function decisionOf({ allowed, denied, reason = '' }: SubjectAccessReviewStatus): Decision {
  if (denied === true && allowed === true) {
    const error = 'webhook subject access review returned both allow and deny response';
    return { decision: 'deny', reason, error };
  }
  return { decision: denied === true ? 'deny' : allowed === true ? 'allow' : 'none', reason };
}
