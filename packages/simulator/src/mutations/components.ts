/** Planted bugs of controllers, scheduler and node agents. */
import type { Mutation } from '../sim/mutation.ts';
import { bodyOf, changed, type Handler, jsonOf, mutationOf, ok, type Row, refuse, twice } from './change.ts';

const PODS = /^\/api\/v1\/namespaces\/[^/]+\/pods$/;
const POD = /^\/api\/v1\/namespaces\/[^/]+\/pods\/[^/]+$/;
const REPLICA_SETS = /\/replicasets(\/[^/]+)?$/;

const rows: readonly Row[] = [
  ['replicaset-twice', 'every Pod is created twice', ['no-pod-too-many'], 'replicaset-controller', 'POST', PODS, twice],
  [
    'deployment-surges',
    'a rollout adds two Pods more than it may',
    ['surge-bound-holds'],
    'deployment-controller',
    'PUT|PATCH',
    REPLICA_SETS,
    () => raised(),
  ],
  [
    'deployment-silent',
    'the status of Deployments is never written',
    ['convergence'],
    'deployment-controller',
    'PUT|PATCH',
    /\/deployments\/[^/]+\/status$/,
    refuse,
  ],
  [
    'statefulset-forces',
    'Pods are deleted without grace',
    ['one-pod-per-ordinal'],
    'statefulset-controller',
    'DELETE',
    POD,
    changed((body) => ({ ...body, gracePeriodSeconds: 0 })),
  ],
  [
    'statefulset-keeps',
    'Pods of an old revision are never deleted',
    ['convergence'],
    'statefulset-controller',
    'DELETE',
    POD,
    refuse,
  ],
  ['job-twice', 'every Pod of a Job is created twice', ['one-pod-per-index'], 'job-controller', 'POST', PODS, twice],
  [
    'job-silent',
    'no Job is ever said to be complete',
    ['convergence'],
    'job-controller',
    'PUT|PATCH',
    /\/jobs\/[^/]+\/status$/,
    refuse,
  ],
  ['cronjob-idle', 'no Job is ever made', ['convergence'], 'cronjob-controller', 'POST', /\/jobs$/, refuse],
  [
    'collector-greedy',
    'with each piece of garbage a Pod goes that has an owner',
    ['nothing-owned-deleted-early'],
    'generic-garbage-collector',
    'DELETE',
    /./,
    () => greedy(),
  ],
  [
    'collector-idle',
    'garbage is never collected',
    ['convergence', 'garbage-never-left'],
    'generic-garbage-collector',
    'DELETE',
    /./,
    refuse,
  ],
  [
    'endpoints-idle',
    'EndpointSlices are made once and never changed',
    ['convergence'],
    'endpointslice-controller',
    'PUT|PATCH|DELETE',
    /\/endpointslices\//,
    refuse,
  ],
  [
    'namespace-idle',
    'what a namespace holds is never deleted',
    ['convergence'],
    'namespace-controller',
    'DELETE',
    /./,
    refuse,
  ],
  [
    'scheduler-piles',
    'every Pod is bound to the same node',
    ['no-node-over-capacity', 'convergence'],
    'system:kube-scheduler',
    'POST',
    /\/binding$/,
    changed((body) => ({ ...body, target: { ...body['target'], name: 'hollow-0' } })),
  ],
  ['scheduler-idle', 'no Pod is ever bound', ['convergence'], 'system:kube-scheduler', 'POST', /\/binding$/, refuse],
  [
    'node-silent',
    'nodes never say how their Pods are',
    ['convergence', 'budgets-never-violated'],
    'system:node:',
    'PATCH',
    /\/pods\/[^/]+\/status$/,
    refuse,
  ],
  [
    'node-keeps',
    'nodes never say that a deleted Pod has ended',
    ['convergence'],
    'system:node:',
    'DELETE',
    POD,
    refuse,
  ],
];

export const componentMutations: readonly Mutation[] = rows.map(mutationOf);

/** Grows what grows. */
function raised(): Handler {
  const asked = new Map<string, number>();
  return (request, send) =>
    changed((body) => {
      const replicas = body['spec']?.replicas;
      if (typeof replicas !== 'number') return body;
      const before = asked.get(request.path) ?? 0;
      asked.set(request.path, replicas);
      return replicas > before && before > 0 ? { ...body, spec: { ...body['spec'], replicas: replicas + 2 } } : body;
    })()(request, send);
}

function greedy(): Handler {
  return async (request, send) => {
    const { items = [] } = jsonOf(await send({ ...request, method: 'GET', path: '/api/v1/pods', query: '' }));
    const owned = items.find(
      (pod: { metadata: { ownerReferences?: unknown } }) => pod.metadata.ownerReferences !== undefined,
    );
    if (owned !== undefined) {
      const { namespace, name } = owned.metadata;
      const { body: _, ...rest } = request;
      await send({ ...rest, path: `/api/v1/namespaces/${namespace}/pods/${name}`, query: '' });
    }
    return bodyOf(request) === undefined ? ok({}) : send(request);
  };
}
