/** Planted bugs of controllers of workloads, volumes and autoscaling that do too much, too soon or too little. */
import type { Mutation } from '../sim/mutation.ts';
import { type Body, bodyOf, changed, type Handler, jsonOf, mutationOf, ok, type Row, refuse, twice } from './change.ts';

const PODS = /^\/api\/v1\/namespaces\/[^/]+\/pods$/;
const encoder = new TextEncoder();

const rows: readonly Row[] = [
  [
    'deployment-hasty',
    'a rollout takes all old Pods away at once',
    ['unavailability-bound-holds'],
    'deployment-controller',
    'POST|PUT|PATCH',
    /\/replicasets(\/[^/]+)?$/,
    () => emptied(),
  ],
  [
    'deployment-hoards',
    'old ReplicaSets are never deleted',
    ['convergence'],
    'deployment-controller',
    'DELETE',
    /\/replicasets\/[^/]+$/,
    refuse,
  ],
  [
    'disruption-generous',
    'a budget is said to allow three evictions more than it does',
    ['budgets-never-violated'],
    'disruption-controller',
    'PUT|PATCH',
    /\/poddisruptionbudgets\/[^/]+\/status$/,
    changed((body) => withStatus(body, { disruptionsAllowed: (body['status']?.disruptionsAllowed ?? 0) + 3 })),
  ],
  [
    'statefulset-together',
    'with each Pod the next one is made too',
    ['ordered-start'],
    'statefulset-controller',
    'POST',
    PODS,
    () => withNext(),
  ],
  [
    'daemonset-twice',
    'every Pod of a DaemonSet is made twice',
    ['one-daemon-per-node'],
    'daemon-set-controller',
    'POST',
    PODS,
    twice,
  ],
  ['daemonset-idle', 'no Pod of a DaemonSet is made', ['convergence'], 'daemon-set-controller', 'POST', PODS, refuse],
  [
    'job-overcounts',
    'a Job is said to have succeeded once more than it has',
    ['job-counts-true'],
    'job-controller',
    'PUT|PATCH',
    /\/jobs\/[^/]+\/status$/,
    changed((body) => withStatus(body, { succeeded: (body['status']?.succeeded ?? 0) + 1 })),
  ],
  [
    'ttl-idle',
    'finished Jobs stay for ever',
    ['convergence'],
    'ttl-after-finished-controller',
    'DELETE',
    /\/jobs\//,
    refuse,
  ],
  [
    'quota-blind',
    'the use of a quota is always said to be nothing',
    ['quota-never-exceeded'],
    'resourcequota-controller',
    'PUT|PATCH',
    /\/resourcequotas\/[^/]+\/status$/,
    changed((body) => withStatus(body, { used: { pods: '0' } })),
  ],
  [
    'accounts-idle',
    'no ServiceAccount is made',
    ['convergence', 'user-is-served'],
    'service-account-controller',
    'POST',
    /\/serviceaccounts$/,
    refuse,
  ],
  [
    'namespace-blind',
    'a namespace that is to go is said to be empty',
    ['namespace-empty-when-gone'],
    'namespace-controller',
    'GET|DELETE',
    /\/(configmaps|serviceaccounts)$/,
    () => async (request, send) => {
      const response = await send({ ...request, method: 'GET', query: '' });
      return ok({ ...jsonOf(response), items: [] });
    },
  ],
  [
    'binder-idle',
    'no claim is ever bound',
    ['convergence'],
    'persistent-volume-binder',
    'PUT|PATCH',
    /\/persistentvolumeclaims\/[^/]+$/,
    refuse,
  ],
  [
    'binder-shares',
    'two claims are bound to one volume',
    ['one-claim-per-volume'],
    'persistent-volume-binder',
    'PUT|PATCH',
    /\/persistentvolumeclaims\/[^/]+(\/status)?$/,
    () => sharing(),
  ],
  [
    'autoscaler-beyond',
    'an autoscaler adds two Pods to what it wants',
    ['autoscaler-within-bounds'],
    'horizontal-pod-autoscaler',
    'PUT|PATCH',
    /\/scale$/,
    changed((body) => ({ ...body, spec: { ...body['spec'], replicas: (body['spec']?.replicas ?? 0) + 2 } })),
  ],
  [
    'autoscaler-idle',
    'an autoscaler changes nothing',
    ['convergence'],
    'horizontal-pod-autoscaler',
    'PUT|PATCH',
    /\/scale$/,
    refuse,
  ],
  [
    'node-forgets-lease',
    'nodes never renew their leases',
    ['nodes-stay-ready'],
    'system:node:',
    'PUT|PATCH',
    /\/leases\//,
    refuse,
  ],
  [
    'node-one-address',
    'all Pods of all nodes are said to have one address',
    ['addresses-unique'],
    'system:node:',
    'PATCH',
    /\/pods\/[^/]+\/status$/,
    changed((body) =>
      body['status']?.podIP === undefined
        ? body
        : withStatus(body, { podIP: '10.244.0.9', podIPs: [{ ip: '10.244.0.9' }] }),
    ),
  ],
];

export const workloadMutations: readonly Mutation[] = rows.map(mutationOf);

function withStatus(body: Body, status: Body): Body {
  return body['status'] === undefined ? body : { ...body, status: { ...body['status'], ...status } };
}

/** What shrinks becomes nothing. */
function emptied(): Handler {
  const asked = new Map<string, number>();
  return changed((body) => {
    const { replicas } = body['spec'] ?? {};
    const key = body['metadata']?.name ?? '';
    const before = asked.get(key) ?? 0;
    if (typeof replicas === 'number') asked.set(key, replicas);
    return replicas < before ? { ...body, spec: { ...body['spec'], replicas: 0 } } : body;
  })();
}

function withNext(): Handler {
  return async (request, send) => {
    const body = bodyOf(request);
    const response = await send(request);
    if (body === undefined) return response;
    const raised = (text: string | undefined) => text?.replace(/\d+$/, (ordinal) => String(Number(ordinal) + 1));
    const labels = body['metadata'].labels ?? {};
    const name = raised(body['metadata'].name);
    const next = {
      ...body,
      metadata: { ...body['metadata'], name, labels: { ...labels, 'statefulset.kubernetes.io/pod-name': name } },
    };
    await send({ ...request, body: encoder.encode(JSON.stringify(next)) });
    return response;
  };
}

/** All claims get the first volume that any of them got. */
function sharing(): Handler {
  let first: string | undefined;
  return changed((body) => {
    const { volumeName } = body['spec'] ?? {};
    if (!volumeName) return body;
    first ??= volumeName;
    return { ...body, spec: { ...body['spec'], volumeName: first } };
  })();
}
