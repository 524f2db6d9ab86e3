/** What of a Pod may change. Source: kubernetes pkg/apis/core/validation, ValidatePodUpdate and ValidatePodResize. */
import { rangeError } from '@kapella/api';
import type { Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { qosClassOf } from '../../support/resource-list.ts';
import { checkPod } from './pod.validate.ts';

const INT32_MAX = 2 ** 31 - 1;
const MIRROR = 'kubernetes.io/config.mirror';
const CHANGEABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(next: Pod, old: Pod, errors: FieldErrors): void {
  checkPod(next, errors);
  for (const list of ['containers', 'initContainers'] as const) {
    if ((next.spec[list]?.length ?? 0) !== (old.spec[list]?.length ?? 0)) {
      errors.forbidden(`spec.${list}`, 'pod updates may not add or remove containers');
      return;
    }
  }
  checkDeadline(next.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds, errors);
  checkAddedTolerations(next.spec.tolerations ?? [], old.spec.tolerations ?? [], errors);
  checkGates(next, old, errors);
  if (jsonEqual(next.spec, old.spec)) return;
  const munged = withAllowedChanges(next, old, errors);
  if (jsonEqual(munged, old.spec)) return;
  const changed = changedFields(munged, old.spec);
  errors.forbidden('spec', `pod updates may not change fields other than ${CHANGEABLE}\n${changed}`);
}

/** One line a field, as `-` was and `+` would be. */
function changedFields(next: PodSpec, old: PodSpec): string {
  const a = next as unknown as Readonly<Record<string, unknown>>;
  const b = old as unknown as Readonly<Record<string, unknown>>;
  const names = [...new Set([...Object.keys(b), ...Object.keys(a)])].filter((name) => !jsonEqual(a[name], b[name]));
  const line = (sign: string, name: string, value: unknown) =>
    value === undefined ? [] : [`${sign} ${name}: ${JSON.stringify(value)}`];
  return names.flatMap((name) => [...line('-', name, b[name]), ...line('+', name, a[name])]).join('\n');
}

function checkDeadline(next: number | undefined, old: number | undefined, errors: FieldErrors): void {
  const field = 'spec.activeDeadlineSeconds';
  if (next === undefined) {
    if (old !== undefined) errors.invalid(field, undefined, 'must not update from a positive integer to nil value');
    return;
  }
  if (next < 0 || next > INT32_MAX) errors.invalid(field, next, rangeError(0, INT32_MAX));
  if (old !== undefined && old < next) errors.invalid(field, next, 'must be less than or equal to previous value');
}

function checkAddedTolerations(next: readonly Toleration[], old: readonly Toleration[], errors: FieldErrors): void {
  for (const before of old) {
    const kept = next.some((after) => jsonEqual({ ...before, tolerationSeconds: after.tolerationSeconds }, after));
    if (kept) continue;
    errors.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds');
  }
}

function checkGates(next: Pod, old: Pod, errors: FieldErrors): void {
  const known = new Set((old.spec.schedulingGates ?? []).map((gate) => gate.name));
  for (const [i, { name }] of (next.spec.schedulingGates ?? []).entries()) {
    if (known.has(name)) continue;
    const why = `only deletion is allowed, but found new scheduling gate '${name}'`;
    errors.forbidden(`spec.schedulingGates[${i}].name`, why);
  }
}

/** The next spec with the stored values of all that may change: what still differs may not. */
function withAllowedChanges(next: Pod, old: Pod, errors: FieldErrors): PodSpec {
  const images = (containers: readonly Container[] | undefined, before: readonly Container[] | undefined) =>
    containers?.map((container, i) => ({ ...container, image: before?.[i]?.image }));
  const oldGrace = old.spec.terminationGracePeriodSeconds;
  const graceFixed = oldGrace !== undefined && oldGrace < 0 && next.spec.terminationGracePeriodSeconds === 1;
  const munged: PodSpec = {
    ...next.spec,
    containers: images(next.spec.containers, old.spec.containers) ?? [],
    initContainers: images(next.spec.initContainers, old.spec.initContainers),
    activeDeadlineSeconds: old.spec.activeDeadlineSeconds,
    schedulingGates: old.spec.schedulingGates,
    tolerations: old.spec.tolerations,
    ...(graceFixed && { terminationGracePeriodSeconds: oldGrace }),
  };
  return (old.spec.schedulingGates?.length ?? 0) > 0 ? withGatedChanges(munged, old.spec, errors) : munged;
}

/** A gated Pod may still be narrowed to fewer nodes. */
function withGatedChanges(munged: PodSpec, old: PodSpec, errors: FieldErrors): PodSpec {
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (munged.nodeSelector?.[key] === value) continue;
    const why = `only additions to spec.nodeSelector are allowed (no mutations or deletions)`;
    errors.invalid('spec.nodeSelector', munged.nodeSelector ?? null, why);
    break;
  }
  const { nodeAffinity: before, ...oldRest } = old.affinity ?? {};
  const { nodeAffinity: after, ...rest } = munged.affinity ?? {};
  const required = before?.requiredDuringSchedulingIgnoredDuringExecution;
  const terms = after?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (required !== undefined && !jsonEqual(before, after) && !isNarrowed(required.nodeSelectorTerms, terms)) {
    const why = 'only additions are allowed (no mutations or deletions)';
    errors.invalid('spec.affinity.nodeAffinity', after ?? null, why);
  }
  const affinity =
    old.affinity === undefined && jsonEqual(rest, oldRest)
      ? undefined
      : { ...rest, ...(before && { nodeAffinity: before }) };
  return { ...munged, nodeSelector: old.nodeSelector, affinity };
}

function isNarrowed(before: readonly NodeSelectorTerm[], after: readonly NodeSelectorTerm[]): boolean {
  if (before.length !== after.length) return false;
  return before.every((term, i) =>
    (term.matchExpressions ?? []).every((e) => after[i]?.matchExpressions?.some((other) => jsonEqual(e, other))),
  );
}

export function validatePodEphemeralUpdate(next: Pod, old: Pod, errors: FieldErrors): void {
  if (old.metadata.annotations?.[MIRROR] !== undefined) {
    errors.forbidden('', 'static pods do not support ephemeral containers');
    return;
  }
  checkPod(next, errors);
  const field = 'spec.ephemeralContainers';
  for (const before of old.spec.ephemeralContainers ?? []) {
    const after = next.spec.ephemeralContainers?.find((container) => container.name === before.name);
    const what = `existing ephemeral containers "${before.name}"`;
    if (after === undefined) errors.forbidden(field, `${what} may not be removed\n`);
    else if (!jsonEqual(after, before)) errors.forbidden(field, `${what} may not be changed\n`);
  }
}

/** Why it cannot be resized at all. */
function resizeObstacle(pod: Pod): string | undefined {
  if (pod.metadata.annotations?.[MIRROR] !== undefined) return 'static pods cannot be resized';
  return pod.spec.os?.name === 'windows' ? 'windows pods cannot be resized' : undefined;
}

export function validatePodResize(next: Pod, old: Pod, errors: FieldErrors): void {
  const obstacle = resizeObstacle(old);
  if (obstacle !== undefined) {
    errors.forbidden('', obstacle);
    return;
  }
  checkPod(next, errors);
  if (qosClassOf(next.spec) !== (old.status?.qosClass ?? qosClassOf(old.spec))) {
    errors.invalid('spec', next.status?.qosClass ?? '', 'Pod QOS Class may not change as a result of resizing');
  }
  if (!checkOrder(next, old, errors)) return;
  for (const list of ['initContainers', 'containers'] as const) {
    const check = list === 'containers' ? checkMainResize : checkInitResize;
    for (const [i, container] of (next.spec[list] ?? []).entries()) {
      const before = old.spec[list]?.[i];
      if (before !== undefined) check(container, before, errors, `spec.${list}[${i}]`);
    }
  }
}

function checkMainResize(next: Container, old: Container, errors: FieldErrors, field: string): void {
  checkNotRemoved(next, old, errors, `${field}.resources`);
  if (jsonEqual(withoutCpuAndMemory(next), withoutCpuAndMemory(old))) return;
  errors.forbidden('spec', 'only cpu and memory resources are mutable');
}

function checkInitResize(next: Container, old: Container, errors: FieldErrors, field: string): void {
  if (old.restartPolicy !== 'Always') {
    const why = 'resources for non-sidecar init containers are immutable';
    if (!jsonEqual(next, old)) errors.forbidden('spec', why);
    return;
  }
  checkNotRemoved(next, old, errors, `${field}.resources`);
  if (jsonEqual(withoutCpuAndMemory(next), withoutCpuAndMemory(old))) return;
  errors.forbidden(field, 'only cpu and memory resources for init or sidecar containers are mutable');
}

function checkOrder(next: Pod, old: Pod, errors: FieldErrors): boolean {
  const before = errors.list.length;
  for (const list of ['containers', 'initContainers'] as const) {
    const olds = old.spec[list] ?? [];
    if ((next.spec[list] ?? []).length !== olds.length) {
      errors.forbidden(`spec.${list}`, `${list} may not be added or removed on resize`);
      continue;
    }
    for (const [i, { name }] of olds.entries()) {
      if (next.spec[list]?.[i]?.name === name) continue;
      errors.forbidden(`spec.${list}[${i}].name`, `${list} may not be renamed or reordered on resize`);
    }
  }
  return errors.list.length === before;
}

function checkNotRemoved(next: Container, old: Container, errors: FieldErrors, field: string): void {
  for (const part of ['requests', 'limits'] as const) {
    for (const name of ['cpu', 'memory']) {
      if (old.resources?.[part]?.[name] === undefined || next.resources?.[part]?.[name] !== undefined) continue;
      errors.forbidden(`${field}.${part}`, `resource ${part} cannot be removed`);
      break;
    }
  }
}

function withoutCpuAndMemory(container: Container): object {
  const strip = (list: Readonly<Record<string, string>> = {}) =>
    Object.entries(list).filter(([name]) => name !== 'cpu' && name !== 'memory');
  const { resources, resizePolicy: _changeable, ...rest } = container;
  return {
    ...rest,
    claims: resources?.claims ?? [],
    limits: strip(resources?.limits),
    requests: strip(resources?.requests),
  };
}
