/** How the server keeps metadata.managedFields, over @kapella/api's algorithm. */
import {
  ApplySchema,
  createFieldManager,
  DEDUCED_TYPE,
  type ManagedFieldsEntry,
  mergeObjects,
  type TypeFacts,
  type UnknownObject,
} from '@kapella/api';
import type { ResourceType } from '../registry/resource-type.ts';

export interface ApplyScope {
  readonly type: ResourceType;
  /** undefined: the object does not exist yet. */
  readonly live: UnknownObject | undefined;
  /** What the client applies. */
  readonly applied: UnknownObject;
  readonly manager: string;
  readonly subresource: string;
  readonly force: boolean;
  readonly nowMs: number;
}

export interface FieldManagement {
  /** The object with managedFields after a create (`live` undefined) or update by `manager`. */
  onUpdate(
    type: ResourceType,
    live: UnknownObject | undefined,
    next: UnknownObject,
    manager: string,
    subresource: string,
    nowMs: number,
  ): UnknownObject;
  /** Throws Conflict with one cause per field that others own. The result is still to be decoded and defaulted. */
  apply(request: ApplyScope): UnknownObject;
  /** The object with `applied` laid over it; nobody comes to own anything. */
  overlay(type: ResourceType, object: UnknownObject, applied: object): UnknownObject;
}

export function createFieldManagement(facts: TypeFacts): FieldManagement {
  const manager = createFieldManager(facts);
  const types = new ApplySchema(facts);
  return {
    onUpdate: (type, live, next, managerName, subresource, nowMs) =>
      withManagedFields(
        next,
        manager.trackUpdate({ ...typeOf(type, subresource), live, next, manager: managerName, subresource, nowMs }),
      ),
    apply({ type, ...request }) {
      const { object, managedFields } = manager.apply({ ...typeOf(type, request.subresource), ...request });
      return withManagedFields(object as unknown as UnknownObject, managedFields);
    },
    overlay({ typeId, definition }, object, applied) {
      const type = definition.applyType ?? (typeId === undefined ? undefined : types.type(typeId)) ?? DEDUCED_TYPE;
      return mergeObjects(object, applied, type) as UnknownObject;
    },
  };
}

function typeOf(type: ResourceType, subresource: string) {
  return {
    ...(type.typeId === undefined ? {} : { typeId: type.typeId }),
    ...(type.definition.applyType === undefined ? {} : { type: type.definition.applyType }),
    resetFields: resetFieldsOf(type, subresource),
  };
}

/** Main and status each own only what they can write. */
function resetFieldsOf({ definition }: ResourceType, subresource: string): readonly (readonly string[])[] {
  const writes = definition.subresources?.status?.writes ?? [];
  if (subresource === '') return writes.map((field) => [field]);
  return subresource === 'status' ? [['spec']] : [];
}

function withManagedFields(
  object: UnknownObject,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
): UnknownObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
}
