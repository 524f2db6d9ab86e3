/** What plugins ask of a request. Source: apiserver pkg/admission/{attributes,errors}.go. */
import type { UnknownObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { AdmissionRequest } from '@kapella/apiserver';
import { type ApiError, errors } from '@kapella/base';

/** `resource` in the core group unless `group` says otherwise. */
export function isFor(request: AdmissionRequest, resource: string, group = ''): boolean {
  return request.resource.group === group && request.resource.resource === resource;
}

/** A Pod itself being created, not one of its subresources. */
export function isPodCreate(request: AdmissionRequest): boolean {
  return request.operation === 'CREATE' && isFor(request, 'pods') && request.subresource === '';
}

/** The object with a spec at least: most plugins run before what is missing is refused. */
export function withSpec<T>(object: UnknownObject | undefined): T {
  const { spec } = (object ?? {}) as { spec?: object };
  return { ...object, spec: { ...spec } } as T;
}

export function podOf(request: AdmissionRequest): Pod {
  const pod = withSpec<Pod>(request.object);
  return { ...pod, spec: { ...pod.spec, containers: pod.spec.containers ?? [] } };
}

export const asObject = (object: unknown): UnknownObject => object as UnknownObject;

/** Forbidden, as all plugins refuse: names the object by what is known of its name yet. */
export function refuse(request: AdmissionRequest, why: string): ApiError {
  const { group, resource } = request.resource;
  return errors.forbidden({ group, resource, name: nameOf(request) }, why);
}

export function nameOf({ name, object }: AdmissionRequest): string {
  return name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown';
}
