/** The auditor of one API server, from its policy and where events are to go. Source: apiserver/pkg/server/options/audit.go. */
import {
  type AuditBackend,
  type AuditFile,
  type AuditFormat,
  type Auditor,
  type AuditPolicy,
  type BatchOptions,
  buffered,
  createAuditor,
  createLogBackend,
  createWebhookBackend,
  type HttpCaller,
  type KubeconfigTarget,
  type MetricsRegistry,
  truncating,
} from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';

/** `blocking-strict`: a request whose beginning cannot be stored is refused. */
export type AuditMode = 'batch' | 'blocking' | 'blocking-strict';

export interface BackendParts {
  readonly mode: AuditMode;
  readonly batch: BatchOptions;
  readonly truncate: { readonly eventBytesMax: number; readonly batchBytesMax: number } | undefined;
}

export interface AuditParts {
  readonly policy: AuditPolicy;
  readonly log?: BackendParts & { readonly file: AuditFile; readonly format: AuditFormat };
  readonly webhook?: BackendParts & { readonly target: KubeconfigTarget; readonly initialBackoffMs: number };
}

export interface AuditDeps {
  readonly metrics: MetricsRegistry;
  readonly caller: HttpCaller;
}

export function auditorOf({ policy, log, webhook }: AuditParts, { metrics, caller }: AuditDeps, ctx: Ctx): Auditor {
  const deps = { metrics, ctx };
  const wrap = (inner: AuditBackend, { mode, batch, truncate }: BackendParts) => {
    const cut = truncate === undefined ? inner : truncating(inner, truncate, deps);
    return { backend: mode === 'batch' ? buffered(cut, batch, deps) : cut, isStrict: mode === 'blocking-strict' };
  };
  const backends = [
    ...(log === undefined ? [] : [wrap(createLogBackend(log.file, log.format, deps), log)]),
    ...(webhook === undefined ? [] : [wrap(createWebhookBackend({ ...webhook, caller }, deps), webhook)]),
  ];
  return createAuditor({ policy, backends, metrics });
}
