/** A custom resource from its schemas: the kind for typed clients and informers, and the CustomResourceDefinition. */
import type { KindRef, KubeObject } from '@kapella/api';
import type { Schema } from './schema.ts';

export type CustomObject<Spec, Status> = KubeObject & { readonly spec: Spec; readonly status?: Status };

export interface CustomResourceSpec<Spec, Status> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Absent: the kind in lower case with an `s`. */
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  readonly scope?: 'Namespaced' | 'Cluster';
  readonly spec: Schema<Spec>;
  /** Makes `status` a subresource. */
  readonly status?: Schema<Status>;
  /** JSON paths: `{ name: 'Ready', type: 'string', jsonPath: '.status.phase' }`. */
  readonly columns?: readonly { readonly name: string; readonly type: string; readonly jsonPath: string }[];
}

export interface CustomResource<Spec, Status> {
  readonly kind: KindRef<CustomObject<Spec, Status>>;
  /** Ready to be created or applied. */
  readonly definition: {
    readonly apiVersion: 'apiextensions.k8s.io/v1';
    readonly kind: 'CustomResourceDefinition';
    readonly metadata: { readonly name: string };
    readonly spec: Readonly<Record<string, unknown>>;
  };
}

export function defineCustomResource<Spec, Status = never>(
  options: CustomResourceSpec<Spec, Status>,
): CustomResource<Spec, Status> {
  const { group, version, kind, plural = `${kind.toLowerCase()}s`, scope = 'Namespaced' } = options;
  const properties = {
    spec: options.spec.openApi,
    ...(options.status !== undefined && { status: options.status.openApi }),
  };
  const served = {
    name: version,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: { type: 'object', required: ['spec'], properties } },
    ...(options.status !== undefined && { subresources: { status: {} } }),
    ...(options.columns !== undefined && { additionalPrinterColumns: options.columns }),
  };
  const names = { kind, plural, singular: kind.toLowerCase(), shortNames: options.shortNames ?? [] };
  return {
    kind: { group, version, kind, plural, namespaced: scope === 'Namespaced' },
    definition: {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${plural}.${group}` },
      spec: { group, names, scope, versions: [served] },
    },
  };
}
