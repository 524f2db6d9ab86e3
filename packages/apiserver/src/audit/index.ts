/** Audit, for whoever puts a server together. */
export { type Auditor, type AuditorOptions, createAuditor } from './auditor.ts';
export {
  type AuditBackend,
  type AuditFile,
  type BatchOptions,
  buffered,
  createLogBackend,
  createWebhookBackend,
  truncating,
} from './backend.ts';
export type { AuditEvent, AuditFormat } from './event.ts';
export { type AuditPolicy, parseAuditPolicy } from './policy.ts';
