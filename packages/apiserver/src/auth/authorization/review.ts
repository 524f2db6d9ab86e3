/** The SubjectAccessReview of a request. Source: apiserver/plugin/pkg/authorizer/webhook/webhook.go. */
import type { Attributes } from '../contract.ts';
import { fieldRequirements, labelRequirements, type SelectorRequirement } from '../selectors.ts';

interface Requirements {
  readonly requirements: readonly SelectorRequirement[];
}

/** As authorization.k8s.io/v1 has it; what is empty is absent. */
export interface ReviewSpec {
  readonly user?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly resourceAttributes?: {
    readonly namespace?: string;
    readonly verb?: string;
    readonly group?: string;
    readonly version?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly name?: string;
    readonly fieldSelector?: Requirements;
    readonly labelSelector?: Requirements;
  };
  readonly nonResourceAttributes?: { readonly path: string; readonly verb: string };
}

export function reviewSpecOf(attributes: Attributes): ReviewSpec {
  const { user, isResource, path, verb } = attributes;
  return {
    ...(isResource ? { resourceAttributes: resourceOf(attributes) } : { nonResourceAttributes: { path, verb } }),
    ...present({ user: user.username, uid: user.uid ?? '' }),
    ...(user.groups.length > 0 && { groups: user.groups }),
    ...(user.extra !== undefined && Object.keys(user.extra).length > 0 && { extra: user.extra }),
  };
}

function resourceOf(attributes: Attributes): NonNullable<ReviewSpec['resourceAttributes']> {
  const { namespace, verb, group, version, resource, subresource, name, fieldSelector, labelSelector } = attributes;
  const fields = fieldRequirements(fieldSelector);
  const labels = labelRequirements(labelSelector);
  return {
    ...present({ namespace, verb, group, version, resource, subresource, name }),
    ...(fields.length > 0 && { fieldSelector: { requirements: fields } }),
    ...(labels.length > 0 && { labelSelector: { requirements: labels } }),
  };
}

function present(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ''));
}
