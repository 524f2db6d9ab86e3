/** Objects of the cases, and how they wait. */
import type { Kubectl, Manifest } from '../support/commands.ts';

export type Obj = Manifest & {
  readonly metadata: { readonly uid: string; readonly ownerReferences?: readonly object[] };
};
export type Kind = 'Deployment' | 'ReplicaSet' | 'StatefulSet' | 'DaemonSet' | 'Job';

const WAIT_MS_MAX = 120_000;
const POLL_MS = 250;

/** Of kind `kind`, with Pods labelled `app: name`. */
export function workload(kind: Kind, name: string, spec: object) {
  const isJob = kind === 'Job';
  const template = {
    metadata: { labels: { app: name } },
    spec: {
      ...(isJob && { restartPolicy: 'Never' }),
      // Go escapes ampersands in JSON: revisions that two programs made must still be the same bytes.
      containers: [{ name: 'c', image: 'registry.example/one', args: ['a && b'] }],
      tolerations: [{ operator: 'Exists' }],
    },
  };
  return {
    apiVersion: isJob ? 'batch/v1' : 'apps/v1',
    kind,
    metadata: { name, namespace: 'default' },
    spec: { ...spec, ...(!isJob && { selector: { matchLabels: { app: name } } }), template },
  };
}

/** Names of what `kubectl get` finds, sorted. */
export async function names(kubectl: Kubectl, what: string): Promise<string[]> {
  const { items } = await kubectl.get<{ items: Obj[] }>(what);
  return items.map(({ metadata }) => metadata.name).sort();
}

export async function eventually(what: string, probe: () => Promise<boolean>, waitMs = WAIT_MS_MAX): Promise<void> {
  const deadline = performance.now() + waitMs;
  while (!(await probe())) {
    if (performance.now() > deadline) throw new Error(`waited ${waitMs / 1000} s until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
