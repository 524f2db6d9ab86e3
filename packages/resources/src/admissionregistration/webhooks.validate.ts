/** Rules for webhook configurations. Source: kubernetes pkg/apis/admissionregistration/validation. */
import { validateFullyQualifiedName, validateLabelSelector } from '@kapella/api';
import type {
  MutatingWebhook,
  RuleWithOperations,
  ValidatingWebhook,
} from '@kapella/api/types/admissionregistration-v1';
import type { FieldErrors } from '@kapella/base';
import { checkMatchConditions } from './expressions.validate.ts';
import { addInvalid, checkEnum } from '../support/validation/basic.ts';

type Webhook = ValidatingWebhook | MutatingWebhook;

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

export function validateWebhooks(webhooks: readonly Webhook[] | undefined, errors: FieldErrors): void {
  const names = new Set<string>();
  for (const [i, hook] of (webhooks ?? []).entries()) {
    const field = `webhooks[${i}]`;
    checkWebhook(hook, errors, field);
    if (names.has(hook.name)) errors.duplicate(`${field}.name`, hook.name);
    names.add(hook.name);
  }
}

function checkWebhook(hook: Webhook, errors: FieldErrors, field: string): void {
  addInvalid(errors, `${field}.name`, hook.name ?? '', validateFullyQualifiedName(hook.name ?? ''));
  const versions = hook.admissionReviewVersions ?? [];
  if (versions.length === 0) {
    errors.required(`${field}.admissionReviewVersions`, 'must specify one of v1, v1beta1');
  } else if (!versions.some((version) => version === 'v1' || version === 'v1beta1')) {
    const why = 'must include at least one of v1, v1beta1';
    errors.invalid(`${field}.admissionReviewVersions`, versions, why);
  }
  for (const [i, rule] of (hook.rules ?? []).entries()) checkRule(rule, errors, `${field}.rules[${i}]`);
  checkEnum(hook.failurePolicy, ['Fail', 'Ignore'], errors, `${field}.failurePolicy`);
  checkEnum(hook.matchPolicy, ['Equivalent', 'Exact'], errors, `${field}.matchPolicy`);
  checkEnum(hook.sideEffects, ['None', 'NoneOnDryRun'], errors, `${field}.sideEffects`, true);
  const { timeoutSeconds } = hook;
  if (timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)) {
    errors.invalid(`${field}.timeoutSeconds`, timeoutSeconds, 'the timeout value must be between 1 and 30 seconds');
  }
  for (const name of ['namespaceSelector', 'objectSelector'] as const) {
    if (hook[name] !== undefined) validateLabelSelector(hook[name], errors, `${field}.${name}`);
  }
  checkMatchConditions(hook.matchConditions, errors, `${field}.matchConditions`);
  checkClientConfig(hook, errors, `${field}.clientConfig`);
}

function checkClientConfig({ clientConfig }: Webhook, errors: FieldErrors, field: string): void {
  const { url, service } = clientConfig ?? {};
  if ((url === undefined) === (service === undefined)) {
    errors.required(field, 'exactly one of url or service is required');
  }
  if (url !== undefined && !url.startsWith('https://')) {
    const why = "'https' is the only allowed URL scheme; desired format: https://host[/path]";
    errors.invalid(`${field}.url`, url.split(':')[0], why);
  }
  if (service === undefined) return;
  if (!service.name) errors.required(`${field}.service.name`, 'service name is required');
  if (!service.namespace) errors.required(`${field}.service.namespace`, 'service namespace is required');
}

function checkRule(rule: RuleWithOperations, errors: FieldErrors, field: string): void {
  const { operations = [], apiGroups = [], apiVersions = [], resources = [] } = rule;
  if (operations.length === 0) errors.required(`${field}.operations`);
  const star = "if '*' is present, must not specify other ";
  if (operations.length > 1 && operations.includes('*')) {
    errors.invalid(`${field}.operations`, operations, `${star}operations`);
  }
  for (const [i, operation] of operations.entries())
    checkEnum(operation, OPERATIONS, errors, `${field}.operations[${i}]`);
  if (apiGroups.length === 0) errors.required(`${field}.apiGroups`);
  if (apiGroups.length > 1 && apiGroups.includes('*')) {
    errors.invalid(`${field}.apiGroups`, apiGroups, `${star}API groups`);
  }
  if (apiVersions.length === 0) errors.required(`${field}.apiVersions`);
  if (apiVersions.length > 1 && apiVersions.includes('*')) {
    errors.invalid(`${field}.apiVersions`, apiVersions, `${star}API versions`);
  }
  for (const [i, version] of apiVersions.entries()) if (version === '') errors.required(`${field}.apiVersions[${i}]`);
  if (resources.length === 0) errors.required(`${field}.resources`);
  checkEnum(rule.scope, ['*', 'Cluster', 'Namespaced'], errors, `${field}.scope`);
}
