/** certificates.k8s.io/v1 CertificateSigningRequest. Source: kubernetes pkg/registry/certificates/certificates. */
import type { CertificateSigningRequest, CertificateSigningRequestCondition } from '@kapella/api/types/certificates-v1';
import { defineResource } from '@kapella/apiserver';
import { formatTime } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { humanDuration } from '../../support/format.ts';
import { validateApproval, validateRequest, validateRequestStatus } from './certificatesigningrequest.validate.ts';

type Request = CertificateSigningRequest;
type Condition = CertificateSigningRequestCondition;

export const certificateSigningRequestResource = defineResource<CertificateSigningRequest>({
  id: {
    group: 'certificates.k8s.io',
    version: 'v1',
    kind: 'CertificateSigningRequest',
    plural: 'certificatesigningrequests',
    singular: 'certificatesigningrequest',
  },
  names: { short: ['csr'] },
  scope: 'cluster',
  clearedOnCreate: ['status'],
  subresources: {
    status: {
      writes: ['status'],
      prepareForUpdate: (next, old, { nowMs }) => withTimes(withDecisions(next, old), old, nowMs),
      validateUpdate: validateRequestStatus,
    },
    parts: {
      approval: {
        merge(next, old, { nowMs }) {
          const timed = withTimes(next, old, nowMs);
          // Metadata may change along: annotations say who approved, and why.
          const status = { ...old.status, conditions: timed.status?.conditions ?? [] };
          return { ...old, metadata: next.metadata, status };
        },
        validateUpdate: validateApproval,
      },
    },
  },
  selectableFields: { 'spec.signerName': (request) => request.spec.signerName ?? '' },
  columns: [
    nameColumn(),
    ageColumn(),
    { name: 'SignerName', value: ({ spec }) => spec?.signerName || '<none>' },
    { name: 'Requestor', value: ({ spec }) => spec?.username ?? '' },
    {
      name: 'RequestedDuration',
      value: ({ spec }) =>
        spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    },
    { name: 'Condition', value: conditionText },
  ],
  withDefaults: (request) => ({
    ...request,
    ...(request.status?.conditions && {
      status: {
        ...request.status,
        conditions: request.status.conditions.map((c) => ({ ...c, status: c.status || 'True' })),
      },
    }),
  }),
  prepareForCreate(request, { user }) {
    const { username: _u, uid: _i, groups: _g, extra: _e, ...spec } = request.spec ?? ({} as Request['spec']);
    return {
      ...request,
      spec: {
        ...spec,
        username: user.username,
        ...(user.uid && { uid: user.uid }),
        groups: user.groups,
        ...(user.extra && Object.keys(user.extra).length > 0 && { extra: user.extra }),
      },
      status: {},
    };
  },
  prepareForUpdate: (next, old) => ({ ...next, spec: old.spec, status: old.status }),
  validate: validateRequest,
  allowUnconditionalUpdate: true,
});

function conditionText({ status }: Request): string {
  const has = (type: string) => status?.conditions?.some((condition) => condition.type === type) ?? false;
  const word = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return `${word}${has('Failed') ? ',Failed' : ''}${status?.certificate ? ',Issued' : ''}`;
}

/** Approval and denial come through the approval subresource only. */
function withDecisions(next: Request, old: Request): Request {
  const isDecision = (condition: Condition) => condition.type === 'Approved' || condition.type === 'Denied';
  const decided = (old.status?.conditions ?? []).filter(isDecision);
  const given = next.status?.conditions ?? [];
  if (given.filter(isDecision).length === decided.length) return next;
  return { ...next, status: { ...next.status, conditions: [...decided, ...given.filter((c) => !isDecision(c))] } };
}

function withTimes(next: Request, old: Request, nowMs: number): Request {
  const now = formatTime(nowMs);
  const conditions = (next.status?.conditions ?? []).map((condition) => {
    const before = old.status?.conditions?.find((c) => c.type === condition.type);
    const kept = before?.status === condition.status ? before.lastTransitionTime : undefined;
    return {
      ...condition,
      lastUpdateTime: condition.lastUpdateTime || now,
      lastTransitionTime: condition.lastTransitionTime || kept || now,
    };
  });
  return { ...next, status: { ...next.status, conditions } };
}
