/** What `kubectl get nodes` prints. Source: kubernetes pkg/printers/internalversion/printers.go, printNode. */
import type { Node } from '@kapella/api/types/core-v1';
import type { Column } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn(),
  { name: 'Status', value: nodeStatus },
  { name: 'Roles', value: nodeRoles },
  ageColumn(),
  { name: 'Version', value: (node) => node.status?.nodeInfo?.kubeletVersion ?? '' },
  { name: 'Internal-IP', wide: true, value: (node) => addressOf(node, 'InternalIP') },
  { name: 'External-IP', wide: true, value: (node) => addressOf(node, 'ExternalIP') },
  { name: 'OS-Image', wide: true, value: (node) => node.status?.nodeInfo?.osImage || '<unknown>' },
  { name: 'Kernel-Version', wide: true, value: kernelVersion },
  {
    name: 'Container-Runtime',
    wide: true,
    value: (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  },
];

function nodeStatus(node: Node): string {
  const ready = node.status?.conditions?.findLast((condition) => condition.type === 'Ready');
  const word = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${word},SchedulingDisabled` : word;
}

function nodeRoles(node: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === ROLE_LABEL && value !== '') roles.add(value);
  }
  return roles.size === 0 ? '<none>' : [...roles].sort().join(',');
}

function addressOf(node: Node, type: string): string {
  return node.status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}

function kernelVersion(node: Node): string {
  const { kernelVersion: version, architecture } = node.status?.nodeInfo ?? {};
  return `${version || '<unknown>'}${architecture ? ` (${architecture})` : ''}`;
}
