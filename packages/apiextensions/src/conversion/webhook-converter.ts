/**
 * Conversion between the versions of a definition by its webhook.
 * Source: apiextensions-apiserver pkg/apiserver/conversion/{webhook_converter,converter,metrics}.go.
 */
import type { UnknownObject } from '@kapella/api';
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import { callWebhook, type HttpCaller, type MetricsRegistry, type ServerAccess } from '@kapella/apiserver';
import { ApiError, type Ctx, invariant } from '@kapella/base';
import { acceptConverted } from './converted-object.ts';
import { readReview, reviewOf, reviewVersionOf } from './review.ts';

/** Name under which the composition root gives the way out. */
const HTTP_CALLER = 'httpCaller';
const TIMEOUT_MS = 30_000;
const LATENCY_SECONDS = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 45, 60];
const CRD_LATENCY_SECONDS = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);

/** From any versions of the kind to `apiVersion`, in order. Rejects with ApiError of code 500. */
export type Converter = (
  objects: readonly UnknownObject[],
  apiVersion: string,
  ctx: Ctx,
) => Promise<readonly UnknownObject[]>;

/** What becomes of an object in one version besides: by its `apiVersion`. */
export interface VersionRules {
  /** Before it is converted: dropped fields and defaults of the version that it is in. Pure. */
  read(object: UnknownObject): UnknownObject;
  /** After it was converted: dropped fields of the version that it is in. Pure. */
  prune(object: UnknownObject): UnknownObject;
}

export interface ConversionMetrics {
  observe(crd: string, from: string, to: string, seconds: number, failure: string | undefined): void;
}

export function createConversionMetrics(registry: MetricsRegistry): ConversionMetrics {
  const labels = ['result', 'failure_type'];
  const total = registry.counter(
    'apiserver_conversion_webhook_request_total',
    'Counter for conversion webhook requests with success/failure and failure error type',
    labels,
  );
  const latency = registry.histogram(
    'apiserver_conversion_webhook_duration_seconds',
    'Conversion webhook request latency',
    labels,
    LATENCY_SECONDS,
  );
  const byCrd = registry.histogram(
    'apiserver_crd_conversion_webhook_duration_seconds',
    'CRD webhook conversion duration in seconds',
    ['crd_name', 'from_version', 'to_version', 'succeeded'],
    CRD_LATENCY_SECONDS,
  );
  return {
    observe(crd, from, to, seconds, failure) {
      const values = [failure === undefined ? 'success' : 'failure', failure ?? ''];
      total.add(values);
      latency.observe(values, seconds);
      byCrd.observe([crd, from, to, String(failure === undefined)], seconds);
    },
  };
}

export interface ConverterParts {
  readonly definition: CustomResourceDefinition;
  readonly rules: ReadonlyMap<string, VersionRules>;
  readonly access: ServerAccess;
  readonly metrics: ConversionMetrics;
}

/** For a definition whose strategy is Webhook. */
export function createWebhookConverter({ definition, rules, access, metrics }: ConverterParts): Converter {
  const webhook = definition.spec.conversion?.webhook;
  const clientConfig = webhook?.clientConfig;
  invariant(webhook !== undefined && clientConfig !== undefined, 'the strategy is Webhook');
  const { kind } = definition.spec.names;
  const rulesOf = (apiVersion: string, which: 'to' | 'from'): VersionRules => {
    const found = rules.get(apiVersion);
    if (found === undefined) throw failure(`request to convert CR ${which} an invalid group/version: ${apiVersion}`);
    return found;
  };

  const ask = async (objects: readonly UnknownObject[], apiVersion: string, ctx: Ctx) => {
    const startedMs = ctx.clock.monotonicMs();
    const from = objects[0]?.apiVersion ?? '';
    const named = `conversion webhook for ${from}, Kind=${kind}`;
    let failureType: string | undefined = 'conversion_webhook_call_failure';
    try {
      const version = reviewVersionOf(webhook.conversionReviewVersions);
      const uid = ctx.random.uuid();
      const call = {
        config: clientConfig,
        body: reviewOf(version, objects, apiVersion, uid),
        timeoutMs: TIMEOUT_MS,
        tellsTimeout: false,
      };
      const answer = await callWebhook(access.service<HttpCaller>(HTTP_CALLER), access, call, ctx).catch(
        (error: Error) => {
          throw new Error(`${named} failed: ${error.message}`, { cause: error });
        },
      );
      failureType = 'conversion_webhook_malformed_response_failure';
      const given = readAnswer(answer, version, uid, named);
      failureType = 'conversion_webhook_partial_response_failure';
      if (given.length !== objects.length) {
        throw new Error(`${named} returned ${given.length} objects, expected ${objects.length}`);
      }
      failureType = 'conversion_webhook_invalid_converted_object_failure';
      const accepted = objects.map((object, i) =>
        acceptConverted(object, given[i], apiVersion, wordsFor(named, i, objects.length)),
      );
      failureType = undefined;
      return accepted;
    } catch (error) {
      throw failure((error as Error).message, error);
    } finally {
      const seconds = (ctx.clock.monotonicMs() - startedMs) / 1000;
      metrics.observe(definition.metadata.name, versionOf(from), versionOf(apiVersion), seconds, failureType);
    }
  };

  return async (objects, apiVersion, ctx) => {
    const target = rulesOf(apiVersion, 'to');
    const read = objects.map((object) => rulesOf(object.apiVersion, 'from').read(object));
    const others = read.filter((object) => object.apiVersion !== apiVersion);
    const converted = others.length === 0 ? [] : await ask(others, apiVersion, ctx);
    let next = 0;
    return read.map((object) =>
      object.apiVersion === apiVersion ? object : target.prune(converted[next++] as UnknownObject),
    );
  };
}

function readAnswer(answer: unknown, version: Parameters<typeof readReview>[1], uid: string, named: string) {
  try {
    return readReview(answer, version, uid);
  } catch (error) {
    throw new Error(`${named} failed: ${(error as Error).message}`, { cause: error });
  }
}

/** Upstream words it differently for one object and for many. */
function wordsFor(named: string, index: number, count: number) {
  const many = `${named} returned invalid converted object at index ${index}`;
  if (count > 1) {
    return { version: many, object: many, metadata: `${named} returned invalid metadata in object at index ${index}` };
  }
  return {
    version: `${named} returned invalid object at index 0`,
    object: `${named} returned invalid object`,
    metadata: `${named} returned invalid metadata`,
  };
}

const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.indexOf('/') + 1);

function failure(message: string, cause?: unknown): ApiError {
  return new ApiError('', message, { code: 500, ...(cause === undefined ? {} : { cause }) });
}
