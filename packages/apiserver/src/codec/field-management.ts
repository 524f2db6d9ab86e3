/** How the server keeps metadata.managedFields, over @kapella/api's algorithm. */
import {
  ApplySchema,
  createFieldManager,
  DEDUCED_TYPE,
  type ManagedFieldsEntry,
  mergeObjects,
  parentManagedFields,
  type ScaleMapping,
  scaleManagedFields,
  type TypeFacts,
  type UnknownObject,
} from '@kapella/api';
import { type Ctx, stringifyExactJson } from '@kapella/base';
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
    ctx: Ctx,
  ): UnknownObject | Promise<UnknownObject>;
  /** Throws Conflict with one cause per field that others own. The result is still to be decoded and defaulted. */
  apply(request: ApplyScope, ctx: Ctx): UnknownObject | Promise<UnknownObject>;
  /** The Scale that `old` has, with those who own its replicas. */
  scaleOwners(type: ResourceType, parent: UnknownObject): readonly ManagedFieldsEntry[] | undefined;
  /** managedFields of the parent after its Scale `next` was written in place of `old` (which has its owners). */
  onScale(
    type: ResourceType,
    parent: UnknownObject,
    old: UnknownObject,
    next: UnknownObject,
    manager: string,
    nowMs: number,
  ): readonly ManagedFieldsEntry[] | undefined;
  /** The Scale with `applied` in it, its managedFields as well. Throws Conflict. */
  applyScale(request: Omit<ApplyScope, 'type' | 'subresource'>): UnknownObject;
  /** managedFields of the parent whose Scale has these. */
  ofScale(
    type: ResourceType,
    parent: UnknownObject,
    scale: readonly ManagedFieldsEntry[] | undefined,
  ): readonly ManagedFieldsEntry[] | undefined;
  /** The object with `applied` laid over it; nobody comes to own anything. */
  overlay(type: ResourceType, object: UnknownObject, applied: object): UnknownObject;
}

export function createFieldManagement(facts: TypeFacts): FieldManagement {
  const manager = createFieldManager(facts);
  const types = new ApplySchema(facts);
  return {
    onUpdate(type, live, next, managerName, subresource, nowMs, ctx) {
      const request = { ...typeOf(type, subresource), live, next, manager: managerName, subresource, nowMs };
      const track = (more: object) => withManagedFields(next, manager.trackUpdate({ ...request, ...more }));
      return type.definition.conversion === undefined ? track({}) : withOtherVersions(type, track, ctx);
    },
    apply({ type, ...request }, ctx) {
      const all = { ...typeOf(type, request.subresource), ...request };
      const apply = (more: object) => {
        const { object, managedFields } = manager.apply({ ...all, ...more });
        return withManagedFields(object as unknown as UnknownObject, managedFields);
      };
      return type.definition.conversion === undefined ? apply({}) : withOtherVersions(type, apply, ctx);
    },
    scaleOwners: (type, parent) => scaleManagedFields(parent.metadata.managedFields, scaleMapping(type)),
    onScale(type, parent, old, next, managerName, nowMs) {
      const request = { typeId: SCALE_TYPE, live: old, next, manager: managerName, subresource: 'scale', nowMs };
      return this.ofScale(type, parent, manager.trackUpdate(request));
    },
    applyScale(request) {
      const { object, managedFields } = manager.apply({ ...request, typeId: SCALE_TYPE, subresource: 'scale' });
      return withManagedFields(object as unknown as UnknownObject, managedFields);
    },
    ofScale: (type, parent, scale) => parentManagedFields(parent.metadata.managedFields, scale, scaleMapping(type)),
    overlay({ typeId, definition }, object, applied) {
      const type = definition.applyType ?? (typeId === undefined ? undefined : types.type(typeId)) ?? DEDUCED_TYPE;
      return mergeObjects(object, applied, type) as UnknownObject;
    },
  };
}

const SCALE_TYPE = 'autoscaling/v1.Scale';

function scaleMapping({ apiVersion, definition }: ResourceType): ScaleMapping {
  const path = definition.subresources?.scale?.specReplicas ?? '';
  return { apiVersion, replicasPath: path.replace(/^\./, '').split('.') };
}

/** Says which object is to be converted before the algorithm can go on. */
class NeedsConversion extends Error {
  readonly object: UnknownObject;
  readonly apiVersion: string;

  constructor(object: UnknownObject, apiVersion: string) {
    super('an object is to be converted');
    this.object = object;
    this.apiVersion = apiVersion;
  }
}

/** The algorithm cannot wait: it is run again with each object that it lacked. */
async function withOtherVersions<T>(type: ResourceType, run: (more: object) => T, ctx: Ctx): Promise<T> {
  const { conversion } = type.definition;
  const known = new Map<string, unknown>();
  const keyOf = (object: unknown, apiVersion: string) => `${apiVersion} ${stringifyExactJson(object)}`;
  const others = {
    apiVersion: type.apiVersion,
    typeOf: (apiVersion: string) => conversion?.applyTypeOf(apiVersion),
    convert(object: unknown, apiVersion: string): unknown {
      const given = object as UnknownObject;
      if (given.apiVersion === apiVersion) return given;
      // What an object is made from is empty in every version.
      if (given.metadata === undefined) return { ...given, apiVersion };
      const made = known.get(keyOf(given, apiVersion));
      if (made === undefined) throw new NeedsConversion(given, apiVersion);
      return made;
    },
  };
  for (;;) {
    try {
      return run({ others });
    } catch (error) {
      if (!(error instanceof NeedsConversion) || conversion === undefined) throw error;
      const [made] = await conversion.convert([error.object], error.apiVersion, ctx);
      known.set(keyOf(error.object, error.apiVersion), made);
    }
  }
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
