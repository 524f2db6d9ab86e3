/** Which names a definition may have, and whether it is established. Source: apiextensions-apiserver pkg/controller/status. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionStatus,
} from '@kapella/api/types/apiextensions-v1';
import { formatTime, jsonEqual } from '@kapella/base';
import { approvalOf, isUsableBundle } from '@kapella/resources';

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
    ...approvalConditionOf(definition),
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
  const isEstablished = hasCondition(definition, type);
  if (!isEstablished && !isRefused && !isUsableBundle(definition.spec.conversion?.webhook?.clientConfig?.caBundle)) {
    const message = 'The conversion webhook CABundle is invalid';
    return { type, status: 'False', reason: 'InvalidCABundle', message };
  }
  if (isEstablished || !isRefused) {
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

/** Of several conflicts the last is told; what does not conflict is accepted at once. */
function acceptNames(definition: CustomResourceDefinition, others: readonly CustomResourceDefinition[]): Acceptance {
  const wanted = definition.spec.names;
  const known = definition.status?.acceptedNames;
  const { resources, kinds } = namesOf(others);
  let conflict: Acceptance['conflict'];
  const refuse = (reason: string, names: readonly string[]) => {
    conflict = { type: 'NamesAccepted', status: 'False', reason, message: inUse(names) };
  };
  const pick = (reason: string, name: string, old: string | undefined, taken: ReadonlySet<string>): string => {
    if (name === old || name === '' || !taken.has(name)) return name;
    refuse(reason, [name]);
    return old ?? '';
  };
  const plural = pick('PluralConflict', wanted.plural, known?.plural, resources);
  const singular = pick('SingularConflict', wanted.singular ?? '', known?.singular, resources);
  const isTaken = (name: string) => resources.has(name) && known?.shortNames?.includes(name) !== true;
  const taken = wanted.shortNames?.filter(isTaken) ?? [];
  if (taken.length > 0) refuse('ShortNamesConflict', taken);
  const shortNames = taken.length > 0 ? known?.shortNames : wanted.shortNames;
  const accepted: CustomResourceDefinitionNames = {
    plural,
    singular,
    ...(shortNames === undefined ? {} : { shortNames }),
    kind: pick('KindConflict', wanted.kind, known?.kind, kinds),
    listKind: pick('ListKindConflict', wanted.listKind ?? '', known?.listKind, kinds),
    ...(wanted.categories === undefined ? {} : { categories: wanted.categories }),
  };
  return { accepted, conflict };
}

/** As Go tells several errors as one. */
function inUse(names: readonly string[]): string {
  const texts = [...new Set(names.map((name) => `${JSON.stringify(name)} is already in use`))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** Groups of Kubernetes itself say who approved them. Source: apiextensions-apiserver pkg/controller/apiapproval. */
function approvalConditionOf(definition: CustomResourceDefinition): readonly Omit<Condition, 'lastTransitionTime'>[] {
  const approval = approvalOf(definition);
  if (approval === undefined) return [];
  const { state, reason: message } = approval;
  const status = state === 'Approved' ? 'True' : 'False';
  return [{ type: 'KubernetesAPIApprovalPolicyConformant', status, reason: `${state}Annotation`, message }];
}
