/** SELinux labels of the volumes of Pods. Pure. Source: kubernetes …/selinuxwarning/translator, pkg/volume/util/selinux.go. */
import type { Pod, SELinuxOptions } from '@kapella/api/types/core-v1';

/** What is not said is left empty: the defaults are those of nodes, which are not known here. '' when nothing is said. */
export function labelOf({ user = '', role = '', type = '', level = '' }: SELinuxOptions = {}): string {
  const label = `${user}:${role}:${type}:${level}`;
  return label === ':::' ? '' : label;
}

/** Whether a node could not give both. User, role and type that are left out take the node's defaults; the level does not. */
export function conflict(a: string, b: string): boolean {
  const [left, right] = [partsOf(a), partsOf(b)];
  if (left.level !== right.level) return true;
  return left.defaulted.some((part, i) => part !== '' && right.defaulted[i] !== '' && part !== right.defaulted[i]);
}

function partsOf(label: string): { readonly defaulted: readonly string[]; readonly level: string } {
  const [user = '', role = '', type = '', ...level] = label.split(':');
  return { defaulted: [user, role, type], level: level.join(':') };
}

/** By name of the Pod's volume: the labels that its containers mount it with. A container's options win over the Pod's. */
export function labelsByVolume({ spec }: Pod): ReadonlyMap<string, ReadonlySet<string>> {
  const labels = new Map<string, Set<string>>();
  const ofPod = spec.securityContext?.seLinuxOptions;
  const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])];
  for (const { securityContext, volumeMounts = [] } of containers) {
    const options = securityContext?.seLinuxOptions ?? ofPod;
    for (const { name } of volumeMounts) {
      const known = labels.get(name) ?? new Set<string>();
      labels.set(name, options === undefined ? known : known.add(labelOf(options)));
    }
  }
  return labels;
}
