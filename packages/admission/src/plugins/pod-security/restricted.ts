/** The restricted level. Source: pod-security-admission/policy/check_*.go. */
import type { Container, Volume } from '@kapella/api/types/core-v1';
import { type Check, containersOf, named, plural, quoted, setters, sortedSet } from './check.ts';

const VOLUMES = new Set([
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
]);

const namesWhere = (containers: readonly Container[], bad: (container: Container) => boolean) =>
  containers.filter(bad).map((container) => container.name);

export const allowPrivilegeEscalation: Check = (pod) => {
  const bad = namesWhere(containersOf(pod), (c) => c.securityContext?.allowPrivilegeEscalation !== false);
  if (bad.length === 0) return undefined;
  const detail = `${named(bad)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: 'allowPrivilegeEscalation != false', detail };
};

export const capabilitiesRestricted: Check = (pod) => {
  const containers = containersOf(pod);
  const added = (container: Container) =>
    (container.securityContext?.capabilities?.add ?? []).filter((name) => name !== 'NET_BIND_SERVICE');
  const keeping = namesWhere(containers, (c) => !c.securityContext?.capabilities?.drop?.includes('ALL'));
  const adding = namesWhere(containers, (c) => added(c).length > 0);
  const details = [
    ...(keeping.length > 0 ? [`${named(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0
      ? [
          `${named(adding)} must not include ${quoted(sortedSet(containers.flatMap(added)))} in securityContext.capabilities.add`,
        ]
      : []),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

export const restrictedVolumes: Check = ({ spec }) => {
  const typeOf = (volume: Volume) =>
    Object.entries(volume).find(([key, value]) => key !== 'name' && value !== undefined)?.[0] ?? 'unknown';
  const bad = (spec.volumes ?? []).filter((volume) => !VOLUMES.has(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = sortedSet(bad.map(typeOf));
  const what = `${plural('restricted volume type', 'restricted volume types', types.length)} ${quoted(types)}`;
  const who = `${plural('volume', 'volumes', bad.length)} ${quoted(bad.map((volume) => volume.name))}`;
  return { reason: 'restricted volume types', detail: `${who} ${plural('uses', 'use', bad.length)} ${what}` };
};

export const runAsNonRoot: Check = (pod) => {
  const podValue = pod.spec.securityContext?.runAsNonRoot;
  const ownValue = (container: Container) => container.securityContext?.runAsNonRoot;
  const reason = 'runAsNonRoot != true';
  const explicit = namesWhere(containersOf(pod), (container) => ownValue(container) === false);
  if (podValue === false || explicit.length > 0) {
    const who = setters(podValue === false, explicit);
    return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  }
  const implicit =
    podValue === true ? [] : namesWhere(containersOf(pod), (container) => ownValue(container) === undefined);
  if (implicit.length === 0) return undefined;
  return { reason, detail: `pod or ${named(implicit)} must set securityContext.runAsNonRoot=true` };
};

export const runAsUser: Check = (pod) => {
  const podSet = pod.spec.securityContext?.runAsUser === 0;
  const bad = namesWhere(containersOf(pod), (container) => container.securityContext?.runAsUser === 0);
  if (!podSet && bad.length === 0) return undefined;
  return { reason: 'runAsUser=0', detail: `${setters(podSet, bad)} must not set runAsUser=0` };
};

export const seccompRestricted: Check = (pod) => {
  const isGood = (type: string | undefined) => type === 'Localhost' || type === 'RuntimeDefault';
  const typeOf = (container: Container) => container.securityContext?.seccompProfile?.type;
  const podType = pod.spec.securityContext?.seccompProfile?.type;
  const isBad = (type: string | undefined) => type !== undefined && !isGood(type);
  const reason = 'seccompProfile';
  const explicit = namesWhere(containersOf(pod), (container) => isBad(typeOf(container)));
  if (isBad(podType) || explicit.length > 0) {
    const values = sortedSet([podType, ...containersOf(pod).map(typeOf)].filter(isBad).map((type) => type ?? ''));
    const who = setters(isBad(podType), explicit);
    return { reason, detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(values)}` };
  }
  const implicit = isGood(podType) ? [] : namesWhere(containersOf(pod), (container) => typeOf(container) === undefined);
  if (implicit.length === 0) return undefined;
  const detail = `pod or ${named(implicit)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason, detail };
};
