/** A definition made ready to serve: names, storage, and how its objects look in this version. */
import { stringifyExactJson } from '@kapella/base';
import type { AdmissionRequest } from '../admission.ts';
import { apiVersionOf, type UnknownObject } from '@kapella/api';
import type { CachedObject } from '@kapella/store';
import type { ResourceDefinition } from '../resource.ts';
import type { Storage } from './storage.ts';

// biome-ignore lint/suspicious/noExplicitAny: the table mixes kinds; each definition is checked where it is written
export type AnyDefinition = ResourceDefinition<any>;

export const VERBS_DEFAULT = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const encoder = new TextEncoder();

export interface ResourceType {
  readonly definition: AnyDefinition;
  readonly group: string;
  readonly version: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly verbs: ReadonlySet<string>;
  /** A kind with generated facts: it has a protobuf form, and its list items go without kind and apiVersion. */
  readonly typeId: string | undefined;
  readonly custom: boolean;
  /** undefined for kinds that are never stored. */
  readonly storage: Storage | undefined;
  /** How admission is told what a write is about. */
  readonly asked: Pick<AdmissionRequest, 'resource' | 'kind'>;
  /** `{"kind":…,"apiVersion":…,`: left out of list items. */
  readonly headLength: number;
  /** JSON of an object in this version. */
  bytesOf(object: CachedObject): Uint8Array;
  /** The object in this version; read only. */
  objectOf(object: CachedObject): UnknownObject;
  toStorage(object: UnknownObject): UnknownObject;
  fromStorage(object: UnknownObject): UnknownObject;
}

export function createResourceType(
  definition: AnyDefinition,
  typeId: string | undefined,
  storage: Storage | undefined,
): ResourceType {
  const { id, storedAs } = definition;
  const apiVersion = apiVersionOf(id);
  const head = encoder.encode(`{"kind":"${id.kind}","apiVersion":"${apiVersion}",`);
  const fromStorage = (object: UnknownObject): UnknownObject =>
    storedAs === undefined ? object : { ...storedAs.fromStorage(object), kind: id.kind, apiVersion };
  const served = definition.schema === undefined ? builtInForm(definition, fromStorage) : customForm(definition, head);
  return {
    definition,
    group: id.group,
    version: id.version,
    apiVersion,
    kind: id.kind,
    listKind: id.listKind ?? `${id.kind}List`,
    plural: id.plural,
    singular: id.singular ?? id.kind.toLowerCase(),
    namespaced: definition.scope === 'namespaced',
    verbs: new Set(definition.verbs ?? (definition.virtual === undefined ? VERBS_DEFAULT : ['create'])),
    typeId,
    custom: typeId === undefined,
    storage,
    asked: {
      resource: { group: id.group, version: id.version, resource: id.plural },
      kind: {
        ...{ group: id.group, version: id.version, kind: id.kind, plural: id.plural },
        namespaced: definition.scope === 'namespaced',
      },
    },
    headLength: head.length,
    ...served,
    toStorage: (object) => (storedAs === undefined ? object : storedAs.toStorage(object)),
  };
}

type ServedForm = Pick<ResourceType, 'bytesOf' | 'objectOf' | 'fromStorage'>;

/** One version is stored, always in the form of today. */
function builtInForm({ id, storedAs }: AnyDefinition, fromStorage: ServedForm['fromStorage']): ServedForm {
  const variant = `json ${apiVersionOf(id)}`;
  const convert = (self: CachedObject) => encoder.encode(JSON.stringify(fromStorage(self.object<UnknownObject>())));
  return {
    bytesOf: storedAs === undefined ? (object) => object.bytes : (object) => object.variant(variant, convert),
    objectOf: (object) => fromStorage(object.object<UnknownObject>()),
    fromStorage,
  };
}

/** Objects may have been stored in any version and under an older schema; those of today pass as they are. */
function customForm({ id, onRead }: AnyDefinition, head: Uint8Array): ServedForm {
  const apiVersion = apiVersionOf(id);
  const upTo = onRead?.upTo ?? 0;
  const variant = `json ${apiVersion} ${upTo}`;
  const isCurrent = (object: CachedObject) => object.revision > upTo && startsWith(object.bytes, head);
  const fromStorage = (object: UnknownObject): UnknownObject => {
    const read = onRead?.normalize(object) ?? object;
    return read.apiVersion === apiVersion ? read : { ...read, apiVersion };
  };
  const convert = (self: CachedObject): Uint8Array => {
    const given = self.object<UnknownObject>();
    const object = fromStorage(given);
    return object === given ? self.bytes : encoder.encode(stringifyExactJson(object));
  };
  return {
    bytesOf: (object) => (isCurrent(object) ? object.bytes : object.variant(variant, convert)),
    objectOf: (object) => (isCurrent(object) ? object.object<UnknownObject>() : fromStorage(object.object())),
    fromStorage,
  };
}

function startsWith(bytes: Uint8Array, head: Uint8Array): boolean {
  for (let i = 0; i < head.length; i++) if (bytes[i] !== head[i]) return false;
  return true;
}
