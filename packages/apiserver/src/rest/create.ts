/** POST. Source: apiserver/pkg/endpoints/handlers/create.go, registry/generic/registry/store.go and registry/rest. */
import {
  nameIsDns1035Label,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  nameIsPathSegment,
  type NameValidator,
  type UnknownObject,
  validateKubeFinalizers,
  validateObjectMeta,
} from '@kapella/api';
import { ApiError, type Ctx, errors, FieldErrors, formatTime, randomSuffix } from '@kapella/base';
import type { ResourceType } from '../registry/resource-type.ts';
import { commitObject, readStored } from './commit.ts';
import {
  admissionRequest,
  type Core,
  keyIn,
  resourceName,
  strategyContext,
  type WriteScope,
  type Written,
} from './core.ts';

const NAME_TRIES_MAX = 8; // upstream: RetryGenerateName
const GENERATED_PREFIX_MAX = 63 - 5;
const SUFFIX_LENGTH = 5;

/** `body` is decoded and defaulted. Throws AlreadyExists, Invalid, Forbidden, BadRequest. */
export async function createObject(
  scope: WriteScope,
  body: UnknownObject,
  ctx: Ctx,
  trackedAlready = false,
): Promise<Written> {
  const { core, type } = scope;
  let object = withoutSystemFields(withNamespace(type, scope.namespace, body));
  if (!trackedAlready) {
    object = await core.fields.onUpdate(type, undefined, object, scope.manager, scope.subresource, scope.nowMs, ctx);
  }
  if (scope.admission) {
    const admitted = await core.admission.mutate(
      admissionRequest(scope, 'CREATE', object, undefined),
      core.access,
      ctx,
    );
    // As upstream, what admission changes has no owner in managedFields.
    if (admitted !== undefined && admitted !== object) object = withDefaults(type, admitted);
  }
  return createAdmitted(scope, object, ctx);
}

/** From the system's metadata to the commit; a generated name that is taken is generated again. */
export async function createAdmitted(scope: WriteScope, admitted: UnknownObject, ctx: Ctx): Promise<Written> {
  const generateName = admitted.metadata.generateName ?? '';
  const generates = (admitted.metadata.name ?? '') === '' && generateName !== '';
  for (let tries = 1; ; tries++) {
    const name = generates
      ? generateName.slice(0, GENERATED_PREFIX_MAX) + randomSuffix(SUFFIX_LENGTH, ctx.random)
      : undefined;
    const prepared = prepareNew(scope, withSystemFields(scope, admitted, name, ctx));
    const written = await allocateAndCommit(scope, prepared, admitted, ctx);
    if (written !== undefined) return written;
    if (generateName === '') throw errors.alreadyExists(resourceName(scope.type, admitted.metadata.name));
    if (!generates || tries >= NAME_TRIES_MAX) throw generatedNameTaken(scope.type, name ?? admitted.metadata.name);
  }
}

/** undefined: the name is taken. */
async function allocateAndCommit(
  scope: WriteScope,
  fresh: UnknownObject,
  admitted: UnknownObject,
  ctx: Ctx,
): Promise<Written | undefined> {
  const { core, type } = scope;
  const { definition } = type;
  const context = strategyContext(scope, 'create');
  const allocated = await definition.allocate?.onCreate(fresh, core.access, context, ctx);
  let done = false;
  try {
    let object: UnknownObject = allocated?.object ?? fresh;
    if (definition.prepareForCreate !== undefined) object = definition.prepareForCreate(object, context);
    validateNew(type, object);
    for (const warning of definition.warnings?.(object, undefined) ?? []) scope.warn(warning);
    if (scope.admission) {
      await core.admission.validate(admissionRequest(scope, 'CREATE', object, undefined), core.access, ctx);
    }
    // As upstream: the store says so, which a dry run does not reach.
    if (!scope.dryRun && (admitted.metadata.resourceVersion ?? '') !== '') {
      throw new ApiError('', 'resourceVersion should not be set on objects to be created', { code: 500 });
    }
    if (scope.dryRun && (await isTaken(core, type, object, ctx))) return undefined;
    const committed = await commitObject(type, object, 0, scope.dryRun, ctx);
    if (!committed.ok) return undefined;
    done = !scope.dryRun;
    return { object: committed.object, created: true };
  } finally {
    await (done ? allocated?.done?.() : allocated?.rollback());
  }
}

async function isTaken(core: Core, type: ResourceType, { metadata }: UnknownObject, ctx: Ctx): Promise<boolean> {
  if (type.storage === undefined) return false;
  return (await readStored(core, type, keyIn(type, metadata.namespace ?? '', metadata.name), false, ctx)) !== undefined;
}

/** The namespace of the path goes into the object; a different one in the object is an error. */
export function withNamespace(type: ResourceType, namespace: string, object: UnknownObject): UnknownObject {
  const given = object.metadata.namespace ?? '';
  const wanted = type.namespaced ? namespace : '';
  if (given === wanted) return object;
  if (given !== '' && wanted !== '') {
    throw errors.badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const { namespace: _, ...rest } = object.metadata;
  return { ...object, metadata: wanted === '' ? rest : { ...rest, namespace: wanted } };
}

export function withDefaults(type: ResourceType, object: UnknownObject): UnknownObject {
  return type.definition.withDefaults === undefined ? object : type.definition.withDefaults(object);
}

/** What a client may not say of a new object is no wish of its: nobody comes to own it. */
function withoutSystemFields(object: UnknownObject): UnknownObject {
  const {
    creationTimestamp: _c,
    uid: _u,
    deletionTimestamp: _d,
    deletionGracePeriodSeconds: _g,
    selfLink: _s,
    ...metadata
  } = object.metadata;
  return { ...object, metadata } as UnknownObject;
}

function withSystemFields(
  { nowMs }: WriteScope,
  object: UnknownObject,
  generated: string | undefined,
  ctx: Ctx,
): UnknownObject {
  const { resourceVersion: _r, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: {
      ...metadata,
      ...(generated === undefined ? {} : { name: generated }),
      uid: ctx.random.uuid(),
      creationTimestamp: formatTime(nowMs),
    },
  } as UnknownObject;
}

/** What the kind drops on creation, and its first generation. */
function prepareNew({ type, core }: WriteScope, object: UnknownObject): UnknownObject {
  const { clearedOnCreate, generationBumpsOn, generationIgnores } = type.definition;
  const next: Record<string, unknown> = { ...object };
  for (const field of clearedOnCreate ?? []) {
    // Clients find the zero status where Go writes an empty struct: counts that have to be there among it.
    const fact = type.typeId === undefined ? undefined : core.facts.field(type.typeId, field);
    if (fact?.emit === true) next[field] = core.codecs.zero(fact.type);
    else delete next[field];
  }
  const hasGeneration = generationBumpsOn !== undefined || generationIgnores !== undefined;
  if (hasGeneration) next.metadata = { ...object.metadata, generation: 1 };
  return withDefaults(type, next as unknown as UnknownObject);
}

function validateNew(type: ResourceType, object: UnknownObject): void {
  const found = new FieldErrors();
  const checkMetadata = () =>
    validateObjectMeta(object.metadata, { namespaced: type.namespaced, validateName: nameValidator(type) }, found);
  // The order in which upstream tells of faults.
  if (type.custom) checkMetadata();
  type.definition.validate?.(object, found);
  if (!type.custom) checkMetadata();
  if (checksFinalizerNames(type)) validateKubeFinalizers(object.metadata.finalizers, found);
  if (found.any) throw found.toApiError({ group: type.group, kind: type.kind, name: object.metadata.name ?? '' });
}

/** Kinds of Kubernetes itself, whose validation is not the generic one. */
const GENERIC_GROUPS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
]);

export function checksFinalizerNames({ custom, group }: ResourceType): boolean {
  return !custom && !GENERIC_GROUPS.has(group);
}

export function nameValidator(type: ResourceType): NameValidator {
  switch (type.definition.nameRule) {
    case 'dns-label':
      return nameIsDnsLabel;
    case 'dns1035-label':
      return nameIsDns1035Label;
    case 'path-segment':
      return nameIsPathSegment;
    default:
      return nameIsDnsSubdomain;
  }
}

function generatedNameTaken(type: ResourceType, name: string): ApiError {
  const taken = errors.alreadyExists(resourceName(type, name));
  const message = `${taken.message}, the server was not able to generate a unique name for the object`;
  return new ApiError('AlreadyExists', message, { details: { ...taken.details, retryAfterSeconds: 1 } });
}
