/** Variables that expressions of admission may use. Source: apiserver/pkg/admission/plugin/cel/compile.go. */
import { BOOL, type CelField, type CelType, DYN, INT, listOf, mapOf, STRING, TIMESTAMP } from '../check/types.ts';
import { AUTHORIZER, RESOURCE_CHECK } from '../functions/authorizer.ts';

const record = (name: string, fields: Readonly<Record<string, CelType>>): CelType => ({
  kind: 'object',
  name,
  fields: new Map(Object.entries(fields).map(([key, type]): [string, CelField] => [key, { type, key }])),
});

const GVK = record('kubernetes.GroupVersionKind', { group: STRING, version: STRING, kind: STRING });
const GVR = record('kubernetes.GroupVersionResource', { group: STRING, version: STRING, resource: STRING });
const USER = record('kubernetes.UserInfo', {
  ...{ username: STRING, uid: STRING, groups: listOf(STRING), extra: mapOf(STRING, listOf(STRING)) },
});
const REQUEST = record('kubernetes.AdmissionRequest', {
  ...{ kind: GVK, resource: GVR, subResource: STRING, requestKind: GVK, requestResource: GVR },
  ...{ requestSubResource: STRING, name: STRING, namespace: STRING, operation: STRING, userInfo: USER },
  ...{ dryRun: BOOL, options: DYN },
});

const CONDITION = record('kubernetes.NamespaceCondition', {
  ...{ status: STRING, type: STRING, lastTransitionTime: TIMESTAMP, message: STRING, reason: STRING },
});
/** Upstream declares `UID`, which no object has, and no `uid`. */
const NAMESPACE = record('kubernetes.Namespace', {
  metadata: record('kubernetes.NamespaceMetadata', {
    ...{ name: STRING, generateName: STRING, namespace: STRING, UID: STRING, resourceVersion: STRING },
    ...{ labels: mapOf(STRING, STRING), annotations: mapOf(STRING, STRING), finalizers: listOf(STRING) },
    ...{ creationTimestamp: TIMESTAMP, deletionTimestamp: TIMESTAMP },
    ...{ deletionGracePeriodSeconds: INT, generation: INT },
  }),
  spec: record('kubernetes.NamespaceSpec', { finalizers: listOf(STRING) }),
  status: record('kubernetes.NamespaceStatus', { conditions: listOf(CONDITION), phase: STRING }),
});

/** Declared in every expression of admission. */
export const CONDITION_TYPES: ReadonlyMap<string, CelType> = new Map<string, CelType>([
  ['object', DYN],
  ['oldObject', DYN],
  ['request', REQUEST],
  ['authorizer', AUTHORIZER],
  ['authorizer.requestResource', RESOURCE_CHECK],
]);

/** Declared in those of policies besides; `params` only where the policy has a paramKind. */
export function policyTypes(hasParams: boolean): ReadonlyMap<string, CelType> {
  return new Map([
    ...CONDITION_TYPES,
    ['namespaceObject', NAMESPACE],
    ...(hasParams ? ([['params', DYN]] as const) : []),
  ]);
}
