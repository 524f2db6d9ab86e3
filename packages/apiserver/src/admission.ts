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
  /** Adds a Warning header. */
  warn(message: string): void;
}

export interface AdmissionPlugin {
  /** Upstream's name: `NamespaceLifecycle`. */
  readonly name: string;
  handles(request: AdmissionRequest): boolean;
  /** Returns the changed object, or undefined for no change. Throws ApiError (usually Forbidden) to refuse. */
  admit?(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<UnknownObject | undefined>;
  validate?(request: AdmissionRequest, server: ServerAccess, ctx: Ctx): Promise<void>;
}
