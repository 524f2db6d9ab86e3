/** Which names a definition may have, and whether it is established. Source: apiextensions-apiserver pkg/controller/status. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '@kapella/api/types/apiextensions-v1';
import { formatTime, jsonEqual } from '@kapella/base';

type Condition = CustomResourceDefinitionCondition;

/** The status that the definition is to have; `others` are the definitions of the same group. Pure. */
export function planStatus(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  nowMs: number,
): CustomResourceDefinitionStatus {
  const { accepted, conflict } = acceptNames(definition, others);
  const wanted: Omit<Condition, 'lastTransitionTime'>[] = [
    conflict ?? { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' },
    establishedOf(definition, conflict !== undefined),
    ...approvalOf(definition),
  ];
  const { status = {} } = definition;
  const conditions = wanted.reduce((list, condition) => withCondition(list, condition, nowMs), status.conditions ?? []);
  const stored = new Set([...(status.storedVersions ?? []), storageVersionOf(definition)]);
  return { ...status, conditions, acceptedNames: accepted, storedVersions: [...stored] };
}

export function storageVersionOf({ spec }: CustomResourceDefinition): string {
  return spec.versions.find(({ storage }) => storage)?.name ?? '';
}

export function hasCondition({ status }: CustomResourceDefinition, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;
}

/** The list itself where nothing changes. */
export function withCondition(
  conditions: readonly Condition[],
  wanted: Omit<Condition, 'lastTransitionTime'>,
  nowMs: number,
): readonly Condition[] {
  const old = conditions.find(({ type }) => type === wanted.type);
  if (old !== undefined) {
    const { lastTransitionTime, ...rest } = old;
    if (jsonEqual(rest, wanted)) return conditions;
    const kept = old.status === wanted.status && lastTransitionTime !== undefined;
    const next = { ...wanted, lastTransitionTime: kept ? lastTransitionTime : formatTime(nowMs) } as Condition;
    return conditions.map((condition) => (condition === old ? next : condition));
  }
  return [...conditions, { ...wanted, lastTransitionTime: formatTime(nowMs) } as Condition];
}

/** Once established, a definition stays so: a later conflict leaves the names that were accepted before. */
function establishedOf(
  definition: CustomResourceDefinition,
  isRefused: boolean,
): Omit<Condition, 'lastTransitionTime'> {
  const type = 'Established';
  if (hasCondition(definition, type) || !isRefused) {
    const message = 'the initial names have been accepted';
    return { type, status: 'True', reason: 'InitialNamesAccepted', message };
  }
  return { type, status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
}

/** All names that others have been given. */
function namesOf(others: readonly CustomResourceDefinition[]) {
  const all = others.map(({ status }) => status?.acceptedNames).filter((names) => names !== undefined);
  const resources = all.flatMap(({ plural, singular = '', shortNames = [] }) => [plural, singular, ...shortNames]);
  const kinds = all.flatMap(({ kind, listKind = '' }) => [kind, listKind]);
  return { resources: new Set(resources), kinds: new Set(kinds) };
}

interface Acceptance {
  readonly accepted: CustomResourceDefinitionNames;
  readonly conflict: Omit<Condition, 'lastTransitionTime'> | undefined;
}

function acceptNames(definition: CustomResourceDefinition, others: readonly CustomResourceDefinition[]): Acceptance {
  const wanted = definition.spec.names;
  const known = definition.status?.acceptedNames;
  const { resources, kinds } = namesOf(others);
  let conflict: Acceptance['conflict'];
  const pick = (reason: string, name: string, old: string | undefined, taken: ReadonlySet<string>): string => {
    if (name === old || name === '' || !taken.has(name)) return name;
    conflict = { type: 'NamesAccepted', status: 'False', reason, message: `${JSON.stringify(name)} is already in use` };
    return old ?? '';
  };
  const taken = wanted.shortNames?.find((name) => resources.has(name) && known?.shortNames?.includes(name) !== true);
  if (taken !== undefined) pick('ShortNamesConflict', taken, undefined, resources);
  const shortNames = taken === undefined ? wanted.shortNames : known?.shortNames;
  const accepted: CustomResourceDefinitionNames = {
    plural: pick('PluralConflict', wanted.plural, known?.plural, resources),
    singular: pick('SingularConflict', wanted.singular ?? '', known?.singular, resources),
    ...(shortNames === undefined ? {} : { shortNames }),
    kind: pick('KindConflict', wanted.kind, known?.kind, kinds),
    listKind: pick('ListKindConflict', wanted.listKind ?? '', known?.listKind, kinds),
    ...(wanted.categories === undefined ? {} : { categories: wanted.categories }),
  };
  return { accepted, conflict };
}

const PROTECTED_GROUP = /(^|\.)(k8s\.io|kubernetes\.io)$/;
const APPROVED = 'api-approved.kubernetes.io';

/** Groups of Kubernetes itself say who approved them. Source: apiextensions-apiserver pkg/controller/apiapproval. */
function approvalOf({ spec, metadata }: CustomResourceDefinition): readonly Omit<Condition, 'lastTransitionTime'>[] {
  if (!PROTECTED_GROUP.test(spec.group)) return [];
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const annotation = metadata.annotations?.[APPROVED] ?? '';
  if (annotation === '') {
    const message = `protected groups must have approval annotation "${APPROVED}"`;
    return [{ type, status: 'False', reason: 'MissingAnnotation', message }];
  }
  if (annotation.startsWith('unapproved')) {
    return [
      { type, status: 'False', reason: 'UnapprovedAnnotation', message: `not approved: ${JSON.stringify(annotation)}` },
    ];
  }
  return [{ type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${annotation}` }];
}
