/** Sends reviews to a webhook of a kubeconfig, again where it may pass. Source: apiserver/pkg/util/webhook/webhook.go. */
import { type Ctx, sleep } from '@kapella/base';
import type { HttpCaller, OutboundResponse } from './http-caller.ts';
import type { KubeconfigTarget } from './kubeconfig.ts';

const BACKOFF = { startMs: 500, factor: 1.5, jitter: 0.2, steps: 5 };
const BYTES_MAX = 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** How one attempt ended; `code`: of its answer, or `<error>`. */
export type AttemptResult = 'success' | 'timeout' | 'error' | 'canceled';

export interface ReviewClientOptions {
  readonly caller: HttpCaller;
  readonly target: KubeconfigTarget;
  /** Of each attempt. */
  readonly timeoutMs: number;
  readonly onAttempt?: (result: AttemptResult, code: string, tookMs: number) => void;
}

export interface ReviewClient {
  /** The review with its status. Rejects with Error; its message holds nothing of what was sent. */
  review<T>(review: object, ctx: Ctx): Promise<T>;
}

class WebhookFailure extends Error {
  readonly mayPass: boolean;
  readonly result: AttemptResult;
  readonly code: string;
  constructor(message: string, mayPass: boolean, result: AttemptResult, code: string, cause?: unknown) {
    super(message, { cause });
    this.mayPass = mayPass;
    this.result = result;
    this.code = code;
  }
}

export function createReviewClient(options: ReviewClientOptions): ReviewClient {
  return {
    async review<T>(review: object, ctx: Ctx): Promise<T> {
      const body = encoder.encode(JSON.stringify(review));
      for (let step = 1, delayMs = BACKOFF.startMs; ; step++, delayMs *= BACKOFF.factor) {
        const answer = await measured(options, body, ctx);
        if (!(answer instanceof WebhookFailure)) return parseAnswer(answer);
        if (!answer.mayPass || step === BACKOFF.steps) throw answer;
        await sleep(delayMs * (1 + BACKOFF.jitter * ctx.random.float()), ctx);
      }
    },
  };
}

async function measured(options: ReviewClientOptions, body: Uint8Array, ctx: Ctx) {
  const startMs = ctx.clock.monotonicMs();
  const answer = await attempt(options, body, ctx);
  const [result, code] =
    answer instanceof WebhookFailure ? [answer.result, answer.code] : (['success', String(answer.status)] as const);
  options.onAttempt?.(ctx.signal.aborted ? 'canceled' : result, code, ctx.clock.monotonicMs() - startMs);
  return answer;
}

function parseAnswer<T>({ body }: OutboundResponse): T {
  try {
    return JSON.parse(decoder.decode(body)) as T;
  } catch (cause) {
    throw new Error('the webhook answered with no JSON', { cause });
  }
}

async function attempt(
  { caller, target, timeoutMs }: ReviewClientOptions,
  body: Uint8Array,
  ctx: Ctx,
): Promise<OutboundResponse | WebhookFailure> {
  const { url, tls } = target;
  const headers = { ...target.headers(), 'content-type': 'application/json', accept: 'application/json' };
  const request = { method: 'POST', url, tls, headers, body, timeoutMs, bytesMax: BYTES_MAX };
  try {
    const answer = await caller(request, ctx);
    return answer.status >= 200 && answer.status <= 299 ? answer : failureOf(answer);
  } catch (caught) {
    const error = caught as NodeJsError;
    const isTimeout = error.message === 'context deadline exceeded';
    const message = `Post ${JSON.stringify(url)}: ${error.message}`;
    return new WebhookFailure(message, error.code === 'ECONNRESET', isTimeout ? 'timeout' : 'error', '<error>', error);
  }
}

type NodeJsError = Error & { readonly code?: string };

function failureOf({ status, headers, body }: OutboundResponse): WebhookFailure {
  const mayPass = [429, 500, 504].includes(status) || headers['retry-after'] !== undefined;
  const text = decoder.decode(body.subarray(0, 512)).trim();
  const message =
    text === ''
      ? `the server responded with the status code ${status} but did not return more information`
      : `an error on the server (${JSON.stringify(text)}) has prevented the request from succeeding`;
  return new WebhookFailure(message, mayPass, status === 504 ? 'timeout' : 'error', String(status));
}
