/** Labels that a node agent may not set on its own Node. Source: kubelet/pkg/apis/well_known_labels.go. */
const KUBELET_LABELS: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
]);
const KUBELET_DOMAINS = ['kubelet.kubernetes.io', 'node.kubernetes.io'];
const RESTRICTED = 'node-restriction.kubernetes.io';

type Labels = Readonly<Record<string, string>>;

/** Changed labels that are not the node agent's to change, sorted. */
export function forbiddenNodeLabels(next: Labels, old: Labels): string[] {
  const changed = [...new Set([...Object.keys(next), ...Object.keys(old)])].filter((key) => next[key] !== old[key]);
  return changed.filter(isForbidden).sort();
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/');
  const domain = slash < 0 ? '' : key.slice(0, slash);
  const within = (parent: string) => domain === parent || domain.endsWith(`.${parent}`);
  if (within(RESTRICTED)) return true;
  const ofKubernetes = within('kubernetes.io') || within('k8s.io');
  return ofKubernetes && !KUBELET_LABELS.has(key) && !KUBELET_DOMAINS.some(within);
}
