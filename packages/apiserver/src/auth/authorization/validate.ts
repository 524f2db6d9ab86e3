/** Checks AuthorizationConfiguration. Source: apiserver/pkg/apis/apiserver/validation, kubernetes pkg/kubeapiserver/authorizer. */
import { validateDns1123Subdomain } from '@kapella/api';
import type { FieldErrors } from '@kapella/base';
import { formatDurationMs } from '@kapella/api';
import type { AuthorizationConfiguration, AuthorizerConfiguration, WebhookConfiguration } from './configuration.ts';
import { compileMatchCondition } from './match-conditions.ts';

export const AUTHORIZER_TYPES = ['ABAC', 'AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'] as const;
const CONDITIONS_MAX = 64;
const TIMEOUT_MS_MAX = 30_000;

/** What a path leads to: a file, something else, or why it cannot be looked at. */
export type FileKind = (path: string) => 'file' | 'other' | { readonly error: string };

/** Adds all that is wrong to `errors`. */
export function validateAuthorization(
  { authorizers }: AuthorizationConfiguration,
  fileKind: FileKind,
  errors: FieldErrors,
): void {
  if (authorizers.length === 0) errors.required('authorizers', 'at least one authorization mode must be defined');
  const types = new Set<string>();
  const names = new Set<string>();
  for (const [i, authorizer] of authorizers.entries()) {
    const at = `authorizers[${i}]`;
    if (!validateType(authorizer.type, `${at}.type`, types, errors)) continue;
    types.add(authorizer.type);
    validateName(authorizer.name, `${at}.name`, names, errors);
    names.add(authorizer.name);
    validateKind(authorizer, at, fileKind, errors);
  }
}

function validateType(type: string, at: string, seen: ReadonlySet<string>, errors: FieldErrors): boolean {
  if (type === '') errors.required(at);
  else if (!(AUTHORIZER_TYPES as readonly string[]).includes(type)) errors.notSupported(at, type, AUTHORIZER_TYPES);
  else if (seen.has(type) && type !== 'Webhook') errors.duplicate(at, type);
  else return true;
  return false;
}

function validateName(name: string, at: string, seen: ReadonlySet<string>, errors: FieldErrors): void {
  if (name === '') errors.required(at);
  else if (seen.has(name)) errors.duplicate(at, name);
  else {
    const problems = validateDns1123Subdomain(name);
    if (problems.length > 0) errors.invalid(at, name, `authorizer name is invalid: ${problems.join(', ')}`);
  }
}

function validateKind(
  { type, webhook }: AuthorizerConfiguration,
  at: string,
  fileKind: FileKind,
  errors: FieldErrors,
): void {
  if (type !== 'Webhook') {
    if (webhook !== undefined) errors.invalid(`${at}.webhook`, 'non-null', 'may only be specified when type=Webhook');
  } else if (webhook === undefined) errors.required(`${at}.webhook`, 'required when type=Webhook');
  else validateWebhook(webhook, at, fileKind, errors);
}

/** Fields of the webhook are told as of the authorizer, as upstream does. */
function validateWebhook(webhook: WebhookConfiguration, at: string, fileKind: FileKind, errors: FieldErrors): void {
  const { timeout, authorizedTTL, unauthorizedTTL, failurePolicy, matchConditions } = webhook;
  if (timeout === 0) errors.required(`${at}.timeout`);
  else if (timeout > TIMEOUT_MS_MAX || timeout < 0) {
    errors.invalid(`${at}.timeout`, formatDurationMs(timeout), 'must be > 0s and <= 30s');
  }
  const ttls = { authorizedTTL, unauthorizedTTL };
  for (const [name, ttl] of Object.entries(ttls)) {
    if (ttl < 0) errors.invalid(`${at}.${name}`, formatDurationMs(ttl), 'must be > 0s');
  }
  validateVersions(webhook, at, errors);
  if (failurePolicy === '') errors.required(`${at}.failurePolicy`);
  else if (failurePolicy !== 'NoOpinion' && failurePolicy !== 'Deny') {
    errors.notSupported(`${at}.failurePolicy`, failurePolicy, ['NoOpinion', 'Deny']);
  }
  validateConnection(webhook.connectionInfo, `${at}.connectionInfo`, fileKind, errors);
  validateConditions(matchConditions, `${at}.matchConditions`, errors);
}

function validateVersions(
  { subjectAccessReviewVersion, matchConditionSubjectAccessReviewVersion, matchConditions }: WebhookConfiguration,
  at: string,
  errors: FieldErrors,
): void {
  const review = `${at}.subjectAccessReviewVersion`;
  if (subjectAccessReviewVersion === '') errors.required(review);
  else if (!['v1', 'v1beta1'].includes(subjectAccessReviewVersion)) {
    errors.notSupported(review, subjectAccessReviewVersion, ['v1', 'v1beta1']);
  }
  const condition = `${at}.matchConditionSubjectAccessReviewVersion`;
  if (matchConditionSubjectAccessReviewVersion === '') {
    if (matchConditions.length > 0) errors.required(condition, 'required if match conditions are specified');
  } else if (matchConditionSubjectAccessReviewVersion !== 'v1') {
    errors.notSupported(condition, matchConditionSubjectAccessReviewVersion, ['v1']);
  }
}

function validateConnection(
  { type = '', kubeConfigFile: file }: WebhookConfiguration['connectionInfo'],
  at: string,
  fileKind: FileKind,
  errors: FieldErrors,
): void {
  const path = `${at}.kubeConfigFile`;
  if (type === '') errors.required(`${at}.type`);
  else if (type === 'InClusterConfig') {
    if (file !== undefined) errors.invalid(path, file, 'can only be set when type=KubeConfigFile');
  } else if (type === 'KubeConfigFile') validateFile(file ?? '', path, fileKind, errors);
  else {
    const shown = { Type: type, KubeConfigFile: file ?? null };
    errors.notSupported(`${at}.type`, shown, ['InClusterConfig', 'KubeConfigFile']);
  }
}

function validateFile(file: string, path: string, fileKind: FileKind, errors: FieldErrors): void {
  if (file === '') errors.required(path);
  else if (!file.startsWith('/')) errors.invalid(path, file, 'must be an absolute path');
  else {
    const kind = fileKind(file);
    if (typeof kind === 'object') errors.invalid(path, file, `error loading file: ${kind.error}`);
    else if (kind !== 'file') errors.invalid(path, file, 'must be a regular file');
  }
}

function validateConditions(
  conditions: WebhookConfiguration['matchConditions'],
  at: string,
  errors: FieldErrors,
): void {
  if (conditions.length > CONDITIONS_MAX) {
    errors.tooMany(at, conditions.length, CONDITIONS_MAX);
    return;
  }
  const seen = new Set<string>();
  for (const [i, { expression = '' }] of conditions.entries()) {
    const path = `${at}[${i}].expression`;
    if (expression.trim() === '') errors.required(path);
    else if (seen.has(expression)) errors.duplicate(path, expression);
    else {
      seen.add(expression);
      const compiled = compileMatchCondition(expression);
      if ('error' in compiled) errors.invalid(path, expression, compiled.error);
    }
  }
}

/** What only this server asks of names. The messages of what is wrong. Source: pkg/kubeapiserver/authorizer/config.go. */
export function modeProblems(
  { authorizers }: AuthorizationConfiguration,
  requiredTypes: ReadonlySet<string>,
): readonly string[] {
  const builtIn = authorizers.filter(({ type }) => type !== 'Webhook');
  const problems = builtIn
    .filter(({ type, name }) => name !== type.toLowerCase())
    .map(({ type, name }) => `expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`);
  const missing = [...requiredTypes].filter((wanted) => !builtIn.some(({ type }) => type === wanted)).sort();
  return missing.length === 0 ? problems : [...problems, `missing required types: [${missing.join(' ')}]`];
}
