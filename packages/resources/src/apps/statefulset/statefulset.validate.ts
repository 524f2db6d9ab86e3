/** Rules for StatefulSets. Source: kubernetes pkg/apis/apps/validation, ValidateStatefulSet. */
import { validateLabels } from '@kapella/api';
import type { StatefulSet, StatefulSetSpec } from '@kapella/api/types/apps-v1';
import type { PodTemplateSpec, Volume } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { validateClaimSpec } from '../../core/persistentvolumeclaim/claim-spec.validate.ts';
import { checkDnsLabel, checkNotNegative } from '../../support/validation/basic.ts';
import {
  checkAtMost100Percent,
  checkIntOrPercent,
  checkReplicaStatus,
  checkSelector,
  checkTemplate,
  intOrPercent,
} from '../../support/validation/workload.ts';

export function validateStatefulSet(set: StatefulSet, errors: FieldErrors): void {
  checkSpec(set.spec, errors);
  for (const [i, claim] of (set.spec.volumeClaimTemplates ?? []).entries()) {
    validateClaimSpec(claim.spec, errors, `spec.volumeClaimTemplates[${i}].spec`);
  }
  if (set.spec.serviceName) checkDnsLabel(set.spec.serviceName, errors, 'spec.serviceName');
}

const CHANGEABLE = [
  'replicas',
  'template',
  'updateStrategy',
  'minReadySeconds',
  'ordinals',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
] as const;
const NO_OTHER_FIELDS =
  "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', " +
  "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

export function validateStatefulSetUpdate(next: StatefulSet, old: StatefulSet, errors: FieldErrors): void {
  checkSpec(next.spec, errors);
  const kept = Object.fromEntries(CHANGEABLE.map((field) => [field, old.spec[field]]));
  if (!jsonEqual(withoutClaimStatus({ ...next.spec, ...kept }), withoutClaimStatus(old.spec))) {
    errors.forbidden('spec', NO_OTHER_FIELDS);
  }
}

/** Claim templates are compared by what users write. */
function withoutClaimStatus(spec: StatefulSetSpec): object {
  return {
    ...spec,
    volumeClaimTemplates: spec.volumeClaimTemplates?.map(({ metadata, spec: claim }) => ({ metadata, claim })),
  };
}

export function validateStatefulSetStatus({ status }: StatefulSet, _old: StatefulSet, errors: FieldErrors): void {
  const counts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'];
  checkReplicaStatus(status, counts, errors, 'status.readyReplicas');
}

function checkSpec(spec: StatefulSetSpec, errors: FieldErrors): void {
  const { podManagementPolicy: policy } = spec;
  if (policy !== 'OrderedReady' && policy !== 'Parallel') {
    errors.invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'");
  }
  checkStrategy(spec, errors);
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  for (const name of ['whenDeleted', 'whenScaled'] as const) {
    const value = retention?.[name];
    if (retention === undefined || value === 'Retain' || value === 'Delete') continue;
    errors.notSupported(`spec.persistentVolumeClaimRetentionPolicy.${name}`, value, ['Retain', 'Delete']);
  }
  checkNotNegative(spec.replicas, errors, 'spec.replicas');
  checkNotNegative(spec.minReadySeconds, errors, 'spec.minReadySeconds');
  checkNotNegative(spec.ordinals?.start, errors, 'spec.ordinals.start');
  checkSelector(spec.selector, 'statefulset', errors, 'spec.selector');
  checkTemplate(withClaimVolumes(spec), spec.selector, { kind: 'StatefulSet', selectorFault: '' }, errors);
  validateLabels(spec.template.metadata?.labels, errors, 'spec.template.labels');
}

function checkStrategy({ updateStrategy: strategy }: StatefulSetSpec, errors: FieldErrors): void {
  const field = 'spec.updateStrategy';
  const rolling = strategy?.rollingUpdate;
  if (strategy?.type === 'OnDelete') {
    if (rolling === undefined) return;
    errors.invalid(`${field}.rollingUpdate`, rolling, "only allowed for updateStrategy 'RollingUpdate'");
  } else if (strategy?.type === 'RollingUpdate') {
    checkNotNegative(rolling?.partition, errors, `${field}.rollingUpdate.partition`);
    const most = rolling?.maxUnavailable;
    if (most === undefined) return;
    checkIntOrPercent(most, errors, `${field}.rollingUpdate.maxUnavailable`);
    if (intOrPercent(most) === 0) errors.invalid(`${field}.rollingUpdate.maxUnavailable`, most, 'cannot be 0');
    checkAtMost100Percent(most, errors, `${field}.rollingUpdate.maxUnavailable`);
  } else errors.invalid(field, strategy, "must be 'RollingUpdate' or 'OnDelete'");
}

/** The controller adds a volume per claim template and sets host names itself. */
function withClaimVolumes(spec: StatefulSetSpec): PodTemplateSpec {
  const { hostname: _host, subdomain: _sub, ...podSpec } = spec.template.spec;
  const claims = (spec.volumeClaimTemplates ?? []).map((claim): Volume => {
    const { name = '' } = claim.metadata ?? {};
    return { name, persistentVolumeClaim: { claimName: name } };
  });
  if (claims.length === 0) return { ...spec.template, spec: podSpec };
  const names = new Set(claims.map((volume) => volume.name));
  const others = (podSpec.volumes ?? []).filter((volume) => !names.has(volume.name));
  return { ...spec.template, spec: { ...podSpec, volumes: [...claims, ...others] } };
}
