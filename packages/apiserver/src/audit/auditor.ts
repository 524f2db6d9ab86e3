/** Records what requests do, as the policy says. Source: apiserver/pkg/endpoints/filters/audit.go, pkg/audit/request.go. */
import { type Ctx, formatMicroTime } from '@kapella/base';
import type { ServerRequest } from '../auth/contract.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { MetricsRegistry } from '../metrics/registry.ts';
import type { UserInfo } from '../resource.ts';
import type { AuditBackend } from './backend.ts';
import type { BodyReader } from './body.ts';
import { withoutManagedFields } from './body.ts';
import type { AuditEvent, AuditUser, ObjectReference, ResponseStatus } from './event.ts';
import { type AuditPolicy, type AuditStage, policyEvaluator, type RequestAudit } from './policy.ts';

export interface AuditedRequest {
  readonly request: ServerRequest;
  readonly info: RequestInfo;
  readonly auditId: string;
  /** undefined: nobody that the server knows. */
  readonly user: UserInfo | undefined;
  readonly receivedMs: number;
}

/** What is recorded of one request, stage by stage. */
export interface AuditTrail {
  /** A key keeps its first value. `level`: only where that much is recorded. */
  annotate(key: string, value: string, level?: 'Request'): void;
  impersonates(user: UserInfo): void;
  /** What the sender is told apart from the code, where no answer says it. */
  noteMessage(message: string): void;
  /** The answer's body is recorded too. */
  readonly wantsAnswer: boolean;
  /** The answer, and with it what of the request is recorded. `body` undefined: a stream. */
  answered(code: number, body: Uint8Array | undefined, contentType: string, read: BodyReader): void;
  panicked(message: string): void;
  /** false: not stored by a backend that must. */
  stage(stage: AuditStage, ctx: Ctx): boolean | Promise<boolean>;
}

export interface Auditor {
  /** undefined: this request is not recorded. */
  begin(request: AuditedRequest): AuditTrail | undefined;
  noteRejected(): void;
  /** Stores what waits. */
  close(): Promise<void>;
}

export interface AuditorOptions {
  readonly policy: AuditPolicy;
  readonly backends: readonly {
    readonly backend: AuditBackend;
    /** Requests are refused when their beginning cannot be stored: upstream's mode `blocking-strict`. */
    readonly isStrict: boolean;
  }[];
  readonly metrics: MetricsRegistry;
}

interface Sink {
  readonly events: { value: number };
  readonly backends: AuditorOptions['backends'];
}

export function createAuditor({ policy, backends, metrics }: AuditorOptions): Auditor {
  const evaluate = policyEvaluator(policy);
  const levels = metrics.counter('apiserver_audit_level_total', 'Counter of policy levels, one a request.', ['level']);
  const rejected = metrics
    .counter('apiserver_audit_requests_rejected_total', 'Requests refused since they could not be recorded.', [])
    .with([]);
  const events = metrics.counter('apiserver_audit_event_total', 'Counter of audit events generated.', []).with([]);
  const sink: Sink = { events, backends };
  return {
    begin(request) {
      const audit = evaluate(request.user, request.info);
      levels.add([audit.level]);
      return audit.level === 'None' ? undefined : new Trail(request, audit, sink);
    },
    noteRejected: () => void rejected.value++,
    async close() {
      await Promise.all(backends.map(({ backend }) => backend.close()));
    },
  };
}

const AGENT_MAX = 1024;

class Trail implements AuditTrail {
  readonly #request: AuditedRequest;
  readonly #audit: RequestAudit;
  readonly #sink: Sink;
  #annotations: Record<string, string> | undefined;
  #impersonated: AuditUser | undefined;
  #objectRef: ObjectReference | undefined;
  #status: ResponseStatus | undefined;
  #requestObject: unknown;
  #responseObject: unknown;

  constructor(request: AuditedRequest, audit: RequestAudit, sink: Sink) {
    this.#request = request;
    this.#audit = audit;
    this.#sink = sink;
    this.#objectRef = objectRefOf(request.info);
  }

  annotate(key: string, value: string, level?: 'Request'): void {
    if (level === 'Request' && this.#audit.level === 'Metadata') return;
    this.#annotations ??= Object.create(null) as Record<string, string>;
    this.#annotations[key] ??= value;
  }

  impersonates(user: UserInfo): void {
    this.#impersonated = auditUser(user);
  }

  noteMessage(message: string): void {
    this.#status = { metadata: {}, message };
  }

  get wantsAnswer(): boolean {
    return this.#audit.level === 'RequestResponse';
  }

  answered(code: number, body: Uint8Array | undefined, contentType: string, read: BodyReader): void {
    this.#noteRequest(read);
    const { level, omitManagedFields } = this.#audit;
    const wantsObject = level === 'RequestResponse';
    const mayBeStatus = code >= 400 || this.#request.info.verb.startsWith('delete');
    const value = body !== undefined && (wantsObject || mayBeStatus) ? read(body, contentType) : undefined;
    this.#status = { ...statusOf(value, this.#status), code };
    if (wantsObject && value !== undefined) {
      this.#responseObject = omitManagedFields ? withoutManagedFields(value) : value;
    }
  }

  panicked(message: string): void {
    this.#status = {
      ...{ metadata: {}, status: 'Failure', message: `APIServer panic'd: ${message}` },
      ...{ reason: 'InternalError', code: 500 },
    };
  }

  stage(stage: AuditStage, ctx: Ctx): boolean | Promise<boolean> {
    if (this.#audit.omitStages.has(stage)) return true;
    const event = this.#event(stage, ctx);
    this.#sink.events.value++;
    let isStored = true;
    const waits: Promise<void>[] = [];
    for (const { backend, isStrict } of this.#sink.backends) {
      const strict = isStrict && stage === 'RequestReceived';
      const stored = backend.process([event]);
      if (typeof stored === 'boolean') isStored &&= stored || !strict;
      else {
        waits.push(
          stored.then((ok) => {
            isStored &&= ok || !strict;
          }),
        );
      }
    }
    return waits.length === 0 ? isStored : Promise.all(waits).then(() => isStored);
  }

  /** The object that was sent, and what it says of its name. */
  #noteRequest(read: BodyReader): void {
    const { request, info } = this.#request;
    const { body } = request;
    if (body === undefined || body.length === 0 || this.#requestObject !== undefined) return;
    const { level, omitManagedFields } = this.#audit;
    const wantsObject = level === 'Request' || level === 'RequestResponse';
    const namesObject = info.isResource && (info.verb === 'create' || info.verb === 'update');
    if (!wantsObject && !namesObject) return;
    const value = read(body, request.headers['content-type'] ?? '');
    if (value === undefined) return;
    if (namesObject) this.#objectRef = withNames(this.#objectRef, value);
    if (wantsObject) this.#requestObject = omitManagedFields ? withoutManagedFields(value) : value;
  }

  #event(stage: AuditStage, ctx: Ctx): AuditEvent {
    const { request, info, auditId, user, receivedMs } = this.#request;
    const agent = request.headers['user-agent'];
    const received = formatMicroTime(receivedMs);
    return {
      ...{ kind: 'Event', apiVersion: 'audit.k8s.io/v1', level: this.#audit.level, auditID: auditId, stage },
      requestURI: request.query === '' ? request.path : `${request.path}?${request.query}`,
      verb: info.verb,
      user: user === undefined ? {} : auditUser(user),
      ...(this.#impersonated === undefined ? {} : { impersonatedUser: this.#impersonated }),
      sourceIPs: sourceIpsOf(request),
      ...(agent === undefined
        ? {}
        : { userAgent: agent.length > AGENT_MAX ? `${agent.slice(0, AGENT_MAX)}...TRUNCATED` : agent }),
      ...(this.#objectRef === undefined ? {} : { objectRef: this.#objectRef }),
      ...(this.#status === undefined ? {} : { responseStatus: this.#status }),
      ...(this.#requestObject === undefined ? {} : { requestObject: this.#requestObject }),
      ...(this.#responseObject === undefined ? {} : { responseObject: this.#responseObject }),
      requestReceivedTimestamp: received,
      stageTimestamp: stage === 'RequestReceived' ? received : formatMicroTime(ctx.clock.nowMs()),
      ...(this.#annotations === undefined ? {} : { annotations: { ...this.#annotations } }),
    };
  }
}

function auditUser({ username, uid, groups, extra }: UserInfo): AuditUser {
  return {
    username,
    ...(uid === undefined || uid === '' ? {} : { uid }),
    ...(groups.length === 0 ? {} : { groups }),
    ...(extra === undefined || Object.keys(extra).length === 0 ? {} : { extra }),
  };
}

/** Without the empty ones, in upstream's order. */
function objectRefOf(info: RequestInfo): ObjectReference | undefined {
  if (!info.isResource) return undefined;
  const { resource, namespace, name, group, version, subresource } = info;
  return {
    resource,
    ...(namespace === '' ? {} : { namespace }),
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { apiGroup: group }),
    apiVersion: version,
    ...(subresource === '' ? {} : { subresource }),
  };
}

function withNames(ref: ObjectReference | undefined, value: unknown): ObjectReference | undefined {
  const metadata = (value as { readonly metadata?: Readonly<Record<string, unknown>> } | null)?.metadata;
  if (ref === undefined || typeof metadata !== 'object' || metadata === null) return ref;
  const text = (field: string) => (typeof metadata[field] === 'string' ? (metadata[field] as string) : '');
  const { resource, namespace, name, apiGroup, apiVersion, subresource } = ref;
  const named = { namespace: namespace ?? text('namespace'), name: name ?? text('name'), uid: text('uid') };
  return {
    ...(resource === undefined ? {} : { resource }),
    ...Object.fromEntries(Object.entries(named).filter(([, field]) => field !== '')),
    ...(apiGroup === undefined ? {} : { apiGroup }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(text('resourceVersion') === '' ? {} : { resourceVersion: text('resourceVersion') }),
    ...(subresource === undefined ? {} : { subresource }),
  };
}

function statusOf(value: unknown, before: ResponseStatus | undefined): ResponseStatus {
  const status = value as Partial<ResponseStatus> & { readonly kind?: string };
  if (typeof value !== 'object' || value === null || status.kind !== 'Status') return before ?? { metadata: {} };
  return {
    metadata: {},
    ...(status.status === undefined ? {} : { status: status.status }),
    ...(status.message === undefined ? {} : { message: status.message }),
    ...(status.reason === undefined ? {} : { reason: status.reason }),
    ...(status.details === undefined ? {} : { details: status.details }),
  };
}

const ADDRESS = /^(?=.*[.:])[0-9a-fA-F.:]{3,45}$/;

/** Proxies first, the connection itself last. Source: apimachinery/pkg/util/net.SourceIPs. */
function sourceIpsOf({ headers, remoteAddress }: ServerRequest): readonly string[] {
  const addresses = (headers['x-forwarded-for'] ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => ADDRESS.test(text));
  const real = headers['x-real-ip']?.trim();
  if (real !== undefined && ADDRESS.test(real) && !addresses.includes(real)) addresses.push(real);
  const own = remoteAddress === undefined || remoteAddress === '' ? '127.0.0.1' : remoteAddress;
  if (addresses.at(-1) !== own) addresses.push(own);
  return addresses;
}

/** What a request without good credentials tried. Source: apiserver/pkg/endpoints/filters/authn_audit.go. */
export function attemptedMethods({ headers, query, clientCertificate, hasBadCertificate }: ServerRequest): string {
  const methods: string[] = [];
  const authorization = headers['authorization']?.trim().toLowerCase() ?? '';
  if (authorization.startsWith('basic ')) methods.push('basic');
  if (authorization.startsWith('bearer ')) methods.push('bearer');
  if (/(^|&)access_token=[^&]/.test(query)) methods.push('access_token');
  if (clientCertificate !== undefined || hasBadCertificate === true) methods.push('x509');
  if (methods.length === 0) return 'Authentication failed, no credentials provided';
  return `Authentication failed, attempted: ${methods.join(', ')}`;
}
