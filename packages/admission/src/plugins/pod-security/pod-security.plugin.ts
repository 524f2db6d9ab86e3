/** Pod security levels by namespace labels. Source: pod-security-admission/admission/admission.go. */
import { coreV1, type UnknownObject } from '@kapella/api';
import type { Namespace, Pod } from '@kapella/api/types/core-v1';
import type { AdmissionPlugin, AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { FieldErrors, jsonEqual } from '@kapella/base';
import { isFor, podOf, refuse, withSpec } from '../../support/request.ts';
import type { CheckedPod } from './check.ts';
import { describe, evaluate, type LevelVersion, levelFor, nameOfLevel, validatePolicyLabels } from './policy.ts';

/** Workloads are not refused, only warned about: their Pods will be. */
const WORKLOADS: ReadonlyMap<string, string> = new Map([
  ['replicationcontrollers', ''],
  ['podtemplates', ''],
  ['replicasets', 'apps'],
  ['deployments', 'apps'],
  ['statefulsets', 'apps'],
  ['daemonsets', 'apps'],
  ['jobs', 'batch'],
  ['cronjobs', 'batch'],
]);

const AUDIT = 'pod-security.kubernetes.io/';

export const podSecurity: AdmissionPlugin = {
  name: 'PodSecurity',
  handles: (request) => (request.operation === 'CREATE' || request.operation === 'UPDATE') && isInteresting(request),

  async validate(request, server) {
    if (isFor(request, 'namespaces')) return checkNamespace(request, server);
    const namespace = await server.get(coreV1.Namespace, '', request.namespace);
    const labels = namespace?.metadata.labels ?? {};
    if (!isFor(request, 'pods')) {
      const template = templateOf(request.object);
      if (template?.spec?.containers === undefined) return;
      noteViolations(template, levelFor(labels, 'audit'), request);
      warnAbout(template, levelFor(labels, 'warn'), request);
      return;
    }
    const pod = podOf(request);
    if (request.operation === 'UPDATE' && !isSignificant(pod, withSpec<Pod>(request.oldObject))) return;
    const enforced = levelFor(labels, 'enforce');
    request.annotate?.(`${AUDIT}enforce-policy`, nameOfLevel(enforced));
    noteViolations(pod, levelFor(labels, 'audit'), request);
    const violations = evaluate(pod, enforced);
    if (violations.length > 0) {
      throw refuse(request, `violates PodSecurity "${nameOfLevel(enforced)}": ${describe(violations)}`);
    }
    warnAbout(pod, levelFor(labels, 'warn'), request);
  },
};

function isInteresting(request: AdmissionRequest): boolean {
  const { subresource, resource } = request;
  if (isFor(request, 'pods')) {
    return subresource === '' || (request.operation === 'UPDATE' && subresource === 'ephemeralcontainers');
  }
  if (subresource !== '') return false;
  return isFor(request, 'namespaces') || WORKLOADS.get(resource.resource) === resource.group;
}

/** Under upstream's key: what the namespace's audit level says of it. */
function noteViolations(pod: CheckedPod, level: LevelVersion, request: AdmissionRequest): void {
  if (request.annotate === undefined) return;
  const violations = evaluate(pod, level);
  if (violations.length === 0) return;
  const text = `would violate PodSecurity "${nameOfLevel(level)}": ${describe(violations)}`;
  request.annotate(`${AUDIT}audit-violations`, text);
}

function warnAbout(pod: CheckedPod, level: LevelVersion, request: AdmissionRequest): void {
  const violations = evaluate(pod, level);
  if (violations.length === 0) return;
  request.warn(`would violate PodSecurity "${nameOfLevel(level)}": ${describe(violations)}`);
}

function templateOf(object: UnknownObject | undefined): CheckedPod | undefined {
  const template = object?.template ?? object?.spec?.template ?? object?.spec?.jobTemplate?.spec?.template;
  return template === undefined ? undefined : { metadata: template.metadata ?? {}, spec: template.spec };
}

/** Metadata, tolerations and deadlines do not matter; images, which can change, do not either. */
function isSignificant(next: Pod, old: Pod): boolean {
  const kept = ({ spec, metadata }: Pod) => ({
    annotations: Object.entries(metadata.annotations ?? {}).filter(([key]) => /seccomp|apparmor/.test(key)),
    spec: {
      ...spec,
      activeDeadlineSeconds: undefined,
      tolerations: undefined,
      containers: (spec.containers ?? []).map((container) => ({ ...container, image: '' })),
      initContainers: (spec.initContainers ?? []).map((container) => ({ ...container, image: '' })),
    },
  });
  return !jsonEqual(kept(next), kept(old));
}

/** Labels must parse where they are new; what already runs is only warned about. */
async function checkNamespace(request: AdmissionRequest, server: ServerAccess): Promise<void> {
  const next = request.object as unknown as Namespace;
  const old = request.oldObject as unknown as Namespace | undefined;
  const found = new FieldErrors();
  validatePolicyLabels(next.metadata.labels, found);
  const before = new FieldErrors();
  validatePolicyLabels(old?.metadata.labels, before);
  if (found.any && !jsonEqual(found.list, before.list)) {
    throw found.toApiError({ group: '', kind: 'Namespace', name: next.metadata.name });
  }
  const level = levelFor(next.metadata.labels, 'enforce');
  if (old === undefined || jsonEqual(level, levelFor(old.metadata.labels, 'enforce'))) return;
  const counted = new Map<string, string[]>();
  for (const pod of await server.list(coreV1.Pod, next.metadata.name)) {
    const violations = evaluate(pod, level);
    if (violations.length === 0) continue;
    const reason = violations.map((violation) => violation.reason).join(', ');
    counted.set(reason, [...(counted.get(reason) ?? []), pod.metadata.name]);
  }
  if (counted.size === 0) return;
  const { name } = next.metadata;
  request.warn(
    `existing pods in namespace "${name}" violate the new PodSecurity enforce level "${nameOfLevel(level)}"`,
  );
  const lines = [...counted].map(([reason, names]) => `${podsText(names.sort())}: ${reason}`).sort();
  for (const line of lines) request.warn(line);
}

function podsText([first = '', ...others]: readonly string[]): string {
  if (others.length === 0) return first;
  return others.length === 1 ? `${first} (and 1 other pod)` : `${first} (and ${others.length} other pods)`;
}
