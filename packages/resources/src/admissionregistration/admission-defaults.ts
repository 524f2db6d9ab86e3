/** Defaults of webhooks and policies. Source: kubernetes pkg/apis/admissionregistration/v1/defaults.go. */
import type {
  MatchResources,
  MutatingWebhook,
  RuleWithOperations,
  ValidatingWebhook,
} from '@kapella/api/types/admissionregistration-v1';

export function withWebhookDefaults<W extends ValidatingWebhook | MutatingWebhook>(hook: W): W {
  const { service } = hook.clientConfig ?? {};
  return {
    ...hook,
    ...(service && { clientConfig: { ...hook.clientConfig, service: { ...service, port: service.port ?? 443 } } }),
    ...(hook.rules && { rules: hook.rules.map(withScope) }),
    failurePolicy: hook.failurePolicy ?? 'Fail',
    matchPolicy: hook.matchPolicy ?? 'Equivalent',
    namespaceSelector: hook.namespaceSelector ?? {},
    objectSelector: hook.objectSelector ?? {},
    timeoutSeconds: hook.timeoutSeconds ?? 10,
  };
}

function withScope<R extends RuleWithOperations>(rule: R): R {
  return { ...rule, scope: rule.scope ?? '*' };
}

export function withMatchDefaults(match: MatchResources): MatchResources {
  return {
    ...match,
    ...(match.resourceRules && { resourceRules: match.resourceRules.map(withScope) }),
    ...(match.excludeResourceRules && { excludeResourceRules: match.excludeResourceRules.map(withScope) }),
    matchPolicy: match.matchPolicy ?? 'Equivalent',
    namespaceSelector: match.namespaceSelector ?? {},
    objectSelector: match.objectSelector ?? {},
  };
}

export interface ParamRefText {
  readonly name?: string;
  readonly namespace?: string;
  readonly selector?: object;
}

export function paramRefText(ref: ParamRefText | undefined): string {
  if (ref === undefined) return '<unset>';
  if (ref.name) return `${ref.namespace || '*'}/${ref.name}`;
  return ref.selector === undefined ? '<unset>' : JSON.stringify(ref.selector);
}
