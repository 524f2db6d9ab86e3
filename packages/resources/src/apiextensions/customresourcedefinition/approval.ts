/** Who approved a definition in a group of Kubernetes itself. Source: apiextensions-apiserver pkg/apihelpers/helpers.go. */
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';

export const APPROVED = 'api-approved.kubernetes.io';
const PROTECTED_GROUP = /(^|\.)(k8s\.io|kubernetes\.io)$/;
const URL_WITH_HOST = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#\s\u0000-\u001f\u007f]+([/?#][^\u0000-\u001f\u007f]*)?$/;
const MUST = `protected groups must have approval annotation "${APPROVED}"`;
const SEE = 'see https://github.com/kubernetes/enhancements/pull/1111';

export interface Approval {
  readonly state: 'Approved' | 'Invalid' | 'Missing' | 'Unapproved';
  readonly reason: string;
}

/** Undefined where nobody has to approve. */
export function approvalOf({ spec, metadata }: CustomResourceDefinition): Approval | undefined {
  if (!PROTECTED_GROUP.test(spec?.group ?? '')) return undefined;
  const value = metadata.annotations?.[APPROVED] ?? '';
  if (value === '') return { state: 'Missing', reason: `${MUST}, ${SEE}` };
  if (value.startsWith('unapproved')) return { state: 'Unapproved', reason: `not approved: ${JSON.stringify(value)}` };
  if (isUrlWithHost(value)) return { state: 'Approved', reason: `approved in ${value}` };
  return { state: 'Invalid', reason: `${MUST} with either a URL or a reason starting with "unapproved", ${SEE}` };
}

/** As Go's url.ParseRequestURI, with a scheme and a host. */
function isUrlWithHost(text: string): boolean {
  return URL_WITH_HOST.test(text) && !/%(?![0-9A-Fa-f]{2})/.test(text);
}
