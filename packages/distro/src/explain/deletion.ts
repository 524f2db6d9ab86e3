/** Why an object that is being deleted is still there. Pure. */
import type { UnknownObject } from '@kapella/api';
import { type Findings, listed, plural } from './findings.ts';

/** Who removes a finalizer, and what it waits for. */
const OWNERS: readonly { readonly pattern: RegExp; readonly who: string; readonly waitsFor: string }[] = [
  row(/^kubernetes\.io\/pvc-protection$/, 'the PVC protection controller', 'no Pod to use the claim'),
  row(/^kubernetes\.io\/pv-protection$/, 'the PV protection controller', 'the volume to be bound to no claim'),
  row(/^foregroundDeletion$/, 'the garbage collector', 'the objects that it owns to go first'),
  row(/^orphan$/, 'the garbage collector', 'the objects that it owns to be let go'),
  row(/^batch\.kubernetes\.io\/job-tracking$/, 'the Job controller', 'the Pod to be counted in its Job'),
  row(/^service\.kubernetes\.io\/load-balancer-cleanup$/, 'the service controller', 'the load balancer to be removed'),
  row(/^customresourcecleanup\.apiextensions\.k8s\.io$/, 'the API server', 'all objects of the type to go'),
  row(/^resource\.kubernetes\.io\/delete-protection$/, 'the resource claim controller', 'no Pod to use the claim'),
  row(/^external-attacher\//, 'the CSI attacher of the driver', 'the volume to be detached'),
  row(/^external-provisioner\./, 'the CSI provisioner of the driver', 'the volume to be deleted in the storage'),
];

function row(pattern: RegExp, who: string, waitsFor: string) {
  return { pattern, who, waitsFor };
}

export interface DeletionFacts {
  /** Managers that wrote metadata.finalizers, by finalizer. */
  readonly setBy: ReadonlyMap<string, string>;
  /** Pods that use the claim, objects that block: names with kind. */
  readonly users: readonly string[];
}

/** For an object with a deletionTimestamp. */
export function explainDeletion(object: UnknownObject, { setBy, users }: DeletionFacts): Findings {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  const conditions = namespaceConditions(object);
  const spec = (object['spec'] as { readonly finalizers?: readonly string[] } | undefined)?.finalizers ?? [];
  const all = object.kind === 'Namespace' ? [...finalizers, ...spec] : finalizers;
  const since = `since ${deletionTimestamp}`;
  if (all.length === 0 && conditions.length === 0) {
    const isPod = object.kind === 'Pod';
    return {
      answer: `it is being deleted ${since}, and no finalizer holds it`,
      because: isPod ? ['The node agent removes a Pod when its containers have ended.'] : [],
      fixes: isPod
        ? ['See whether its node is Ready. If the node is gone for good, delete the Node: its Pods go with it.']
        : ['It goes with the next look at it; ask again.'],
    };
  }
  return {
    answer: `it is being deleted ${since}, and ${plural(all.length, 'finalizer')} hold${all.length === 1 ? 's' : ''} it: ${listed(all)}`,
    because: [
      ...all.map((finalizer) => describe(finalizer, setBy.get(finalizer))),
      ...(users.length === 0 ? [] : [`In use by ${listed(users)}.`]),
      ...conditions,
    ],
    fixes: [
      ...(users.length === 0
        ? []
        : [`Delete ${users.length === 1 ? 'its user' : 'its users'} first: ${listed(users)}.`]),
      'See whether the controller named above runs and what it logs: it removes its finalizer when its work is done.',
      `Only if that controller is gone for good, and what it should clean up does not matter: ${patchOf(object)}`,
    ],
  };
}

function patchOf({ kind, metadata: { name, namespace } }: UnknownObject): string {
  const where = namespace === undefined ? '' : ` -n ${namespace}`;
  return `kubectl patch ${kind.toLowerCase()} ${name}${where} --type=merge -p '{"metadata":{"finalizers":null}}'`;
}

function describe(finalizer: string, manager: string | undefined): string {
  const by = manager === undefined ? '' : `; set by ${manager}`;
  const known = OWNERS.find(({ pattern }) => pattern.test(finalizer));
  if (known !== undefined) return `${finalizer}: removed by ${known.who}, which waits for ${known.waitsFor}${by}`;
  if (finalizer === 'kubernetes') return 'kubernetes: removed by the namespace controller when the namespace is empty';
  const domain = finalizer.split('/')[0] ?? finalizer;
  return `${finalizer}: removed by the controller that calls itself ${domain}${by}`;
}

/** What the namespace controller says is left. */
function namespaceConditions(object: UnknownObject): string[] {
  if (object.kind !== 'Namespace') return [];
  const { conditions = [] } = (object['status'] ?? {}) as {
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
  return conditions
    .filter(({ status, message }) => status === 'True' && message)
    .map(({ message }) => message as string);
}
