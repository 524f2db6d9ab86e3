/** What all objects share. Source: apimachinery/pkg/apis/meta/v1/types.go. Objects are shared, so all is readonly. */

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  readonly manager?: string;
  readonly operation?: 'Apply' | 'Update';
  readonly apiVersion?: string;
  readonly time?: string;
  readonly fieldsType?: 'FieldsV1';
  readonly fieldsV1?: object;
  readonly subresource?: string;
}

/** Metadata of a stored object: the server has filled what it fills. */
export interface ObjectMeta {
  readonly name: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly creationTimestamp: string;
  readonly deletionTimestamp?: string;
  readonly deletionGracePeriodSeconds?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly ManagedFieldsEntry[];
  readonly selfLink?: string;
}

export interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
  readonly selfLink?: string;
}

/** Any object of the API, built-in or custom. */
export interface KubeObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: ObjectMeta;
}

/** An object whose kind is not known at compile time. */
export interface UnknownObject extends KubeObject {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is known only to its schema
  readonly [field: string]: any;
}

/** An object before the server has seen it: only what the client must say. */
export type NewObject<T> = Omit<T, 'metadata' | 'kind' | 'apiVersion'> & {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata: Partial<ObjectMeta>;
};

export interface KubeList<T> {
  readonly kind: string;
  readonly apiVersion: string;
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

/** Names one kind of one group and version; `T` is the type of its objects. `coreV1.Pod`, `appsV1.Deployment`. */
export interface KindRef<T = UnknownObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only for the type checker; never present. */
  readonly __type?: T;
}

/** `v1`, `apps/v1`. */
export function apiVersionOf(ref: { readonly group: string; readonly version: string }): string {
  return ref.group === '' ? ref.version : `${ref.group}/${ref.version}`;
}

/** `/api/v1/namespaces/default/pods/web`, `/apis/apps/v1/deployments`. Names are not escaped: valid ones need it not. */
export function pathOf(ref: KindRef<unknown>, namespace?: string, name?: string, subresource?: string): string {
  const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  const scope = ref.namespaced && namespace !== undefined && namespace !== '' ? `/namespaces/${namespace}` : '';
  const tail = name === undefined ? '' : `/${name}${subresource === undefined ? '' : `/${subresource}`}`;
  return `${root}${scope}/${ref.plural}${tail}`;
}

/** `namespace/name`, or `name` for a cluster-scoped object: the key of caches and work queues. */
export function keyOf(object: { readonly metadata: { readonly namespace?: string; readonly name: string } }): string {
  const { namespace, name } = object.metadata;
  return namespace === undefined || namespace === '' ? name : `${namespace}/${name}`;
}

export function splitKey(key: string): { namespace: string; name: string } {
  const slash = key.indexOf('/');
  return slash < 0 ? { namespace: '', name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}
