/** audit.k8s.io/v1 Event, and its forms on a line. Source: apiserver/pkg/apis/audit/v1/types.go, audit/format.go. */
import { stringifyExactJson } from '@kapella/base';
import type { AuditLevel, AuditStage } from './policy.ts';

export interface AuditUser {
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface ObjectReference {
  readonly resource?: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly uid?: string;
  readonly apiGroup?: string;
  readonly apiVersion?: string;
  readonly resourceVersion?: string;
  readonly subresource?: string;
}

export interface ResponseStatus {
  readonly metadata: object;
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: object;
  readonly code?: number;
}

/** In the order in which upstream writes the fields. */
export interface AuditEvent {
  readonly kind: 'Event';
  readonly apiVersion: 'audit.k8s.io/v1';
  readonly level: AuditLevel;
  readonly auditID: string;
  readonly stage: AuditStage;
  readonly requestURI: string;
  readonly verb: string;
  readonly user: AuditUser;
  readonly impersonatedUser?: AuditUser;
  readonly sourceIPs?: readonly string[];
  readonly userAgent?: string;
  readonly objectRef?: ObjectReference;
  readonly responseStatus?: ResponseStatus;
  readonly requestObject?: unknown;
  readonly responseObject?: unknown;
  readonly requestReceivedTimestamp: string;
  readonly stageTimestamp: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export type AuditFormat = 'json' | 'legacy';

/** With the newline. */
export function auditLine(event: AuditEvent, format: AuditFormat): string {
  return format === 'json' ? `${stringifyExactJson(event)}\n` : `${legacyLine(event)}\n`;
}

function legacyLine(event: AuditEvent): string {
  const { user, impersonatedUser, objectRef, responseStatus, sourceIPs, requestReceivedTimestamp } = event;
  const quoted = (items: readonly string[]) => items.map((item) => JSON.stringify(item)).join(',');
  const groups = (user.groups?.length ?? 0) === 0 ? '<none>' : quoted(user.groups ?? []);
  const asGroups = impersonatedUser?.groups === undefined ? '<lookup>' : quoted(impersonatedUser.groups);
  const fields: readonly (readonly [string, string])[] = [
    ['id', event.auditID],
    ['stage', event.stage],
    ['ip', sourceIPs?.[0] ?? '<unknown>'],
    ['method', event.verb],
    ['user', user.username || '<none>'],
    ['groups', groups],
    ['as', impersonatedUser?.username ?? '<self>'],
    ['asgroups', asGroups],
    ['user-agent', event.userAgent ?? ''],
    ['namespace', objectRef?.namespace || '<none>'],
    ['uri', event.requestURI],
    ['response', responseStatus === undefined ? '<deferred>' : String(responseStatus.code ?? 0)],
  ];
  return `${requestReceivedTimestamp} AUDIT: ${fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(' ')}`;
}

/** Of the event as JSON, in bytes as far as text is ASCII. */
export function eventSize(event: AuditEvent): number {
  return stringifyExactJson(event).length;
}
