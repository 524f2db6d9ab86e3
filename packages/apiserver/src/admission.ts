/** The admission contract: plugins mutate, then validate, in the order of their table. */
import type { KindRef, UnknownObject } from '@kapella/api';
import type { Ctx } from '@kapella/base';
import type { ServerAccess, UserInfo } from './resource.ts';

export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly resource: { readonly group: string; readonly version: string; readonly resource: string };
  readonly kind: KindRef<unknown>;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly user: UserInfo;
  /** undefined on DELETE. */
  readonly object: UnknownObject | undefined;
  /** undefined on CREATE. */
  readonly oldObject: UnknownObject | undefined;
  readonly dryRun: boolean;
  /** As the client sent it: CreateOptions, UpdateOptions, …, with kind and apiVersion. */
  readonly options?: object;
  /** The same object under other versions of its kind, for those who ask for one of these. */
  readonly equivalents?: readonly EquivalentKind[];
  /** Lays what one applies over an object of this kind, as server-side apply merges, without anyone coming to own it. */
  overlay?(object: UnknownObject, applied: object): UnknownObject;
  /** A plugin may be asked again when a later one changed the object. */
  readonly reinvocation?: boolean;
  /** What plugins remember of this one request, by plugin name. Made by the chain. */
  readonly memory?: Map<string, unknown>;
  /** For the audit log: `key` is `plugin-or-webhook/name`. `level`: only where bodies of requests are recorded. */
  annotate?(key: string, value: string, level?: 'Request'): void;
  /** Adds a Warning header. */
  warn(message: string): void;
}

export interface EquivalentKind {
  readonly resource: AdmissionRequest['resource'];
  readonly kind: AdmissionRequest['kind'];
  /** From the request's version to this one. */
  convert(object: UnknownObject, ctx: Ctx): Promise<UnknownObject>;
  /** Back to the request's version. */
  restore(object: UnknownObject, ctx: Ctx): Promise<UnknownObject>;
}

export interface AdmissionPlugin {
  /** Upstream's name: `NamespaceLifecycle`. */
  readonly name: string;
  handles(request: AdmissionRequest): boolean;
  /** There is nothing that it could do to this request, as far as the caches tell: then it is not asked. Most are, mostly. */
  isIdle?(request: AdmissionRequest, server: ServerAccess): boolean;
  /** Returns the changed object, or undefined for no change. Throws ApiError (usually Forbidden) to refuse. */
  admit?(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<UnknownObject | undefined>;
  validate?(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void>;
}
