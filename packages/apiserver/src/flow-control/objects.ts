/** The schemas and levels that every cluster has. Source: apiserver/pkg/apis/flowcontrol/bootstrap/default.go. */
import type {
  FlowSchemaSpec,
  FlowSchemaStatus,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
  Subject,
} from '@kapella/api/types/flowcontrol-v1';

export const FLOW_CONTROL_API = 'flowcontrol.apiserver.k8s.io/v1';
/** `true`: the server brings the object back to what it ships; `false`: it is the administrator's. */
export const AUTO_UPDATE_SPEC = 'apf.kubernetes.io/autoupdate-spec';
export const EXEMPT = 'exempt';
export const CATCH_ALL = 'catch-all';

interface NamedObject {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly metadata: {
    readonly name: string;
    readonly uid?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

/** A FlowSchema, stored or built in. */
export interface SchemaObject extends NamedObject {
  readonly spec: FlowSchemaSpec;
  readonly status?: FlowSchemaStatus;
}

/** A PriorityLevelConfiguration, stored or built in. */
export interface LevelObject extends NamedObject {
  readonly spec: PriorityLevelConfigurationSpec;
}

type Rules = PolicyRulesWithSubjects;
const EVERY_RESOURCE = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] },
] as const;
const EVERY_PATH = [{ verbs: ['*'], nonResourceURLs: ['*'] }] as const;

const groups = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'Group', group: { name } }));
const users = (...names: string[]): Subject[] => names.map((name) => ({ kind: 'User', user: { name } }));
const SYSTEM_ACCOUNTS: Subject = { kind: 'ServiceAccount', serviceAccount: { namespace: 'kube-system', name: '*' } };
const EVERYBODY = groups('system:unauthenticated', 'system:authenticated');
const everything = (subjects: readonly Subject[]): Rules => ({
  subjects,
  resourceRules: EVERY_RESOURCE,
  nonResourceRules: EVERY_PATH,
});
const metadataOf = (name: string) => ({ name, annotations: { [AUTO_UPDATE_SPEC]: 'true' } });

function level(name: string, spec: PriorityLevelConfigurationSpec): LevelObject {
  return { apiVersion: FLOW_CONTROL_API, kind: 'PriorityLevelConfiguration', metadata: metadataOf(name), spec };
}

function queued(name: string, shares: number, lendable: number, queues: number, handSize: number) {
  const limitResponse = { type: 'Queue', queuing: { queues, handSize, queueLengthLimit: 50 } };
  return level(name, {
    type: 'Limited',
    limited: { nominalConcurrencyShares: shares, lendablePercent: lendable, limitResponse },
  });
}

function schema(name: string, target: string, precedence: number, by: string, rules: Rules): SchemaObject {
  return {
    apiVersion: FLOW_CONTROL_API,
    kind: 'FlowSchema',
    metadata: metadataOf(name),
    spec: {
      priorityLevelConfiguration: { name: target },
      matchingPrecedence: precedence,
      ...(by === '' ? {} : { distinguisherMethod: { type: by } }),
      rules: [rules],
    },
  };
}

/** Kept whatever anybody writes: without them a request could belong nowhere. */
export const MANDATORY_LEVELS: readonly LevelObject[] = [
  level(CATCH_ALL, {
    type: 'Limited',
    limited: { nominalConcurrencyShares: 5, lendablePercent: 0, limitResponse: { type: 'Reject' } },
  }),
  level(EXEMPT, { type: 'Exempt', exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } }),
];
export const MANDATORY_SCHEMAS: readonly SchemaObject[] = [
  schema(EXEMPT, EXEMPT, 1, '', everything(groups('system:masters'))),
  schema(CATCH_ALL, CATCH_ALL, 10_000, 'ByUser', everything(EVERYBODY)),
];

export const SUGGESTED_LEVELS: readonly LevelObject[] = [
  queued('system', 30, 33, 64, 6),
  queued('node-high', 40, 25, 64, 6),
  queued('leader-election', 10, 0, 16, 4),
  queued('workload-high', 40, 50, 128, 6),
  queued('workload-low', 100, 90, 128, 6),
  queued('global-default', 20, 50, 128, 6),
];

const COORDINATION = 'coordination.k8s.io';
export const SUGGESTED_SCHEMAS: readonly SchemaObject[] = [
  schema('system-nodes', 'system', 500, 'ByUser', everything(groups('system:nodes'))),
  schema('system-node-high', 'node-high', 400, 'ByUser', {
    subjects: groups('system:nodes'),
    resourceRules: [
      { verbs: ['*'], apiGroups: [''], resources: ['nodes', 'nodes/status'], clusterScope: true, namespaces: ['*'] },
      { verbs: ['*'], apiGroups: [COORDINATION], resources: ['leases'], namespaces: ['*'] },
    ],
  }),
  schema('probes', EXEMPT, 2, '', {
    subjects: EVERYBODY,
    nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/readyz', '/livez'] }],
  }),
  schema('system-leader-election', 'leader-election', 100, 'ByUser', {
    subjects: [...users('system:kube-controller-manager', 'system:kube-scheduler'), SYSTEM_ACCOUNTS],
    resourceRules: [
      { verbs: ['get', 'create', 'update'], apiGroups: [COORDINATION], resources: ['leases'], namespaces: ['*'] },
    ],
  }),
  schema(
    'kube-controller-manager',
    'workload-high',
    800,
    'ByNamespace',
    everything(users('system:kube-controller-manager')),
  ),
  schema('kube-scheduler', 'workload-high', 800, 'ByNamespace', everything(users('system:kube-scheduler'))),
  schema('kube-system-service-accounts', 'workload-high', 900, 'ByNamespace', everything([SYSTEM_ACCOUNTS])),
  schema('service-accounts', 'workload-low', 9000, 'ByUser', everything(groups('system:serviceaccounts'))),
  schema('global-default', 'global-default', 9900, 'ByUser', everything(EVERYBODY)),
];
