/** Admission webhooks as functions: what reviews a request, how it is registered, what goes over the wire. */
import { jsonEqual } from '@kapella/base';
import type { Ctx } from '@kapella/base';

/** admission.k8s.io/v1 AdmissionRequest, as far as webhooks look at it. */
export interface ReviewRequest<T> {
  readonly uid: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly namespace?: string;
  readonly name?: string;
  readonly subResource?: string;
  readonly userInfo: { readonly username?: string; readonly groups?: readonly string[] };
  readonly dryRun?: boolean;
  /** Absent on DELETE. */
  readonly object?: T;
  /** Absent on CREATE. */
  readonly oldObject?: T;
}

/** `object`: what a mutating webhook makes of it; absent or equal: unchanged. */
export type ReviewAnswer<T> =
  | { readonly allowed: true; readonly object?: T; readonly warnings?: readonly string[] }
  | { readonly allowed: false; readonly message: string; readonly code?: number };

export interface WebhookRule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: readonly string[];
  readonly operations: readonly ('CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT' | '*')[];
}

export interface WebhookSpec<T> {
  /** With at least three parts: `defaults.databases.example.com`. */
  readonly name: string;
  readonly type: 'mutating' | 'validating';
  readonly rules: readonly WebhookRule[];
  /** Absent: `Fail`. */
  readonly failurePolicy?: 'Fail' | 'Ignore';
  /** Must not have side effects: it is also asked in dry runs. */
  review(request: ReviewRequest<T>, ctx: Ctx): ReviewAnswer<T> | Promise<ReviewAnswer<T>>;
}

export interface Webhook {
  readonly name: string;
  readonly type: 'mutating' | 'validating';
  readonly rules: readonly WebhookRule[];
  readonly failurePolicy: 'Fail' | 'Ignore';
  /** An AdmissionReview in, an AdmissionReview out, both JSON. Throws when the body is none. */
  serve(body: Uint8Array, ctx: Ctx): Promise<Uint8Array>;
}

export function defineWebhook<T>(spec: WebhookSpec<T>): Webhook {
  const { name, type, rules, failurePolicy = 'Fail' } = spec;
  return {
    ...{ name, type, rules, failurePolicy },
    async serve(body, ctx) {
      const review = JSON.parse(new TextDecoder().decode(body)) as { readonly request?: ReviewRequest<T> };
      const { request } = review;
      if (request?.uid === undefined) throw new Error('the body is no AdmissionReview with a request');
      const answer = await spec.review(request, ctx);
      const response = { uid: request.uid, ...responseOf(answer, request.object, type) };
      const text = JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response });
      return new TextEncoder().encode(text);
    },
  };
}

function responseOf<T>(answer: ReviewAnswer<T>, before: T | undefined, type: WebhookSpec<T>['type']): object {
  if (!answer.allowed) return { allowed: false, status: { code: answer.code ?? 403, message: answer.message } };
  const warnings = answer.warnings === undefined ? {} : { warnings: answer.warnings };
  const patch = type === 'mutating' && answer.object !== undefined ? patchBetween(before, answer.object) : [];
  if (patch.length === 0) return { allowed: true, ...warnings };
  return { allowed: true, ...warnings, patchType: 'JSONPatch', patch: base64(JSON.stringify(patch)) };
}

interface PatchOperation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: string;
  readonly value?: unknown;
}

/** RFC 6902, as deep as both sides are objects; lists are replaced whole. */
export function patchBetween(before: unknown, after: unknown, path = ''): PatchOperation[] {
  if (!isRecord(before) || !isRecord(after)) {
    return jsonEqual(before, after) ? [] : [{ op: 'replace', path, value: after }];
  }
  const operations: PatchOperation[] = [];
  for (const key of Object.keys(before)) {
    if (after[key] === undefined) operations.push({ op: 'remove', path: `${path}/${escaped(key)}` });
  }
  for (const [key, value] of Object.entries(after)) {
    if (value === undefined) continue;
    const at = `${path}/${escaped(key)}`;
    if (!Object.hasOwn(before, key) || before[key] === undefined) operations.push({ op: 'add', path: at, value });
    else operations.push(...patchBetween(before[key], value, at));
  }
  return operations;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const escaped = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1');
const base64 = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
