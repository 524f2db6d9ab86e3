/** managedFields of the scale subresource. Source: apimachinery/pkg/util/managedfields/scalehandler.go. */
import type { ManagedFieldsEntry } from '../meta.ts';
import { differenceOfFields, fieldsOfPath, hasPath, isEmptyFields } from './fields.ts';
import { type Owner, type Owners, ownerId, readOwners, writeOwners } from './managers.ts';
import type { PathElement } from './path-element.ts';

const SCALE_VERSION = 'autoscaling/v1';
const REPLICAS: readonly PathElement[] = ['f:spec', 'f:replicas'];

export interface ScaleMapping {
  /** Of the parent's endpoint, `apps/v1`. */
  readonly apiVersion: string;
  /** Where the parent keeps its replicas, `['spec', 'replicas']`. */
  readonly replicasPath: readonly string[];
}

const pathIn = ({ replicasPath }: ScaleMapping): PathElement[] => replicasPath.map((name) => `f:${name}`);

/** What a Scale shows of its parent's managedFields: who owns the replicas. */
export function scaleManagedFields(
  parent: readonly ManagedFieldsEntry[] | undefined,
  mapping: ScaleMapping,
): readonly ManagedFieldsEntry[] | undefined {
  const path = pathIn(mapping);
  const scale: Owners = new Map();
  for (const owner of readOwners(parent).values()) {
    if (owner.apiVersion === mapping.apiVersion && hasPath(owner.fields, path)) {
      put(scale, { ...owner, apiVersion: SCALE_VERSION, fields: fieldsOfPath(REPLICAS) });
    }
  }
  return writeOwners(scale);
}

/** The parent's managedFields after a write through its Scale. */
export function parentManagedFields(
  parent: readonly ManagedFieldsEntry[] | undefined,
  scale: readonly ManagedFieldsEntry[] | undefined,
  mapping: ScaleMapping,
): readonly ManagedFieldsEntry[] | undefined {
  const path = pathIn(mapping);
  const writers: Owners = new Map();
  for (const owner of readOwners(scale).values()) {
    if (hasPath(owner.fields, REPLICAS)) put(writers, { ...owner, apiVersion: mapping.apiVersion });
  }
  const result: Owners = new Map();
  for (const [id, owner] of readOwners(parent)) {
    const inScale = owner.apiVersion === mapping.apiVersion && hasPath(owner.fields, path);
    if (!inScale || writers.delete(id)) {
      result.set(id, owner);
      continue;
    }
    const fields = differenceOfFields(owner.fields, fieldsOfPath(path));
    if (!isEmptyFields(fields)) put(result, { ...owner, fields });
  }
  for (const writer of writers.values()) {
    const id = ownerId(writer);
    // A manager that owned other fields of the parent already keeps them.
    if (!result.has(id)) put(result, { ...writer, fields: fieldsOfPath(path) });
  }
  return writeOwners(result);
}

function put(owners: Owners, owner: Owner): void {
  const { entry: _, ...changed } = owner;
  owners.set(ownerId(owner), changed);
}
