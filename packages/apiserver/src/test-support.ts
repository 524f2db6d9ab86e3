/** For this package's tests: a server with two small kinds in memory, and short ways to ask it. */
import type { UnknownObject } from '@kapella/api';
import { type Clock, type Ctx, type Random, silentLogger } from '@kapella/base';
import type { ApiResponse, ByteSink, ResponseStream } from '@kapella/client';
import { createMemoryStore } from '@kapella/store';
import type { AdmissionPlugin } from './admission.ts';
import { createAuthenticator, createStaticTokens } from './auth/authenticate.ts';
import { alwaysAllow } from './auth/authorize.ts';
import type { ServerRequest } from './auth/contract.ts';
import { createMetricsRegistry } from './metrics/registry.ts';
import type { AnyDefinition } from './registry/resource-type.ts';
import { defineResource, type UserInfo } from './resource.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from './server/server.ts';

export interface TestClock extends Clock {
  advance(ms: number): void;
}

/** Time stands still until it is advanced. */
export function createTestClock(startMs = Date.parse('2026-01-01T00:00:00Z')): TestClock {
  let now = startMs;
  let timers: { readonly at: number; readonly fn: () => void }[] = [];
  return {
    nowMs: () => now,
    monotonicMs: () => now - startMs,
    setTimer(delayMs, fn) {
      const timer = { at: now + delayMs, fn };
      timers.push(timer);
      const cancel = () => {
        timers = timers.filter((other) => other !== timer);
      };
      return { cancel };
    },
    advance(ms) {
      now += ms;
      const due = timers.filter((timer) => timer.at <= now).sort((a, b) => a.at - b.at);
      timers = timers.filter((timer) => timer.at > now);
      for (const timer of due) timer.fn();
    },
  };
}

export function createTestRandom(): Random {
  let state = 1;
  const float = () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
  let count = 0;
  return {
    float,
    bytes: (length) => Uint8Array.from({ length }, () => Math.floor(float() * 256)),
    uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
  };
}

export function createTestCtx(clock: Clock = createTestClock()): Ctx {
  return { signal: new AbortController().signal, log: silentLogger, clock, random: createTestRandom() };
}

export const namespaceDefinition: AnyDefinition = defineResource({
  id: { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces' },
  names: { short: ['ns'] },
  scope: 'cluster',
  clearedOnCreate: ['status'],
  subresources: { status: { writes: ['status'] } },
  columns: [{ name: 'Name', value: (object: UnknownObject) => object.metadata.name }],
  keepDecoded: true,
});

export const configMapDefinition: AnyDefinition = defineResource({
  id: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps' },
  names: { short: ['cm'] },
  scope: 'namespaced',
  columns: [
    { name: 'Name', value: (object: UnknownObject) => object.metadata.name },
    { name: 'Data', type: 'integer', value: (object: UnknownObject) => Object.keys(object.data ?? {}).length },
  ],
  validate(object: UnknownObject, errors) {
    if (object.data?.bad !== undefined) errors.invalid('data[bad]', object.data.bad, 'must not be bad');
  },
  validateUpdate(next: UnknownObject, _old, errors) {
    if (next.data?.bad !== undefined) errors.invalid('data[bad]', next.data.bad, 'must not be bad');
  },
});

export const deploymentDefinition: AnyDefinition = defineResource({
  id: { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments' },
  names: { short: ['deploy'], categories: ['all'] },
  scope: 'namespaced',
  clearedOnCreate: ['status'],
  generationBumpsOn: ['spec'],
  subresources: {
    status: { writes: ['status'] },
    scale: { specReplicas: 'spec.replicas', statusReplicas: 'status.replicas', selector: 'spec.selector' },
  },
  selectableFields: { 'spec.paused': (object: UnknownObject) => String(object.spec?.paused ?? false) },
  columns: [{ name: 'Name', value: (object: UnknownObject) => object.metadata.name }],
  withDefaults: (object: UnknownObject) => ({
    ...object,
    spec: { ...object.spec, replicas: object.spec?.replicas ?? 1 },
  }),
});

export const admin: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

export interface TestServer {
  readonly server: ApiServer;
  readonly ctx: Ctx;
  readonly clock: TestClock;
  request(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TestAnswer>;
}

export interface TestAnswer extends ApiResponse {
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly json: any;
  readonly text: string;
}

export async function startTestServer(
  options: Partial<ApiServerOptions> = {},
  admission: readonly AdmissionPlugin[] = [],
  user: UserInfo | undefined = admin,
): Promise<TestServer> {
  const clock = createTestClock();
  const ctx = createTestCtx(clock);
  const server = createApiServer(
    {
      store: createMemoryStore(),
      resources: [namespaceDefinition, configMapDefinition, deploymentDefinition],
      admission,
      authenticator: createAuthenticator({ tokens: [createStaticTokens(new Map([['secret', admin]]))] }),
      authorizer: alwaysAllow,
      metrics: createMetricsRegistry(),
      ...options,
    },
    ctx,
  );
  await server.ready(ctx);
  return {
    server,
    ctx,
    clock,
    async request(method, path, body, headers = {}) {
      const request = requestOf(method, path, body, headers, user);
      return answerOf(await server.handle(request, ctx));
    },
  };
}

export function requestOf(
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  user: UserInfo | undefined,
): ServerRequest {
  const [bare = '', query = ''] = path.split('?');
  const bytes =
    body === undefined
      ? undefined
      : body instanceof Uint8Array
        ? body
        : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    method,
    path: bare,
    query,
    headers,
    ...(bytes === undefined ? {} : { body: bytes }),
    ...(user === undefined ? {} : { user }),
  };
}

export function answerOf(response: ApiResponse): TestAnswer {
  const text = response.body instanceof Uint8Array ? new TextDecoder().decode(response.body) : '';
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { ...response, text, json };
}

export interface CollectedStream {
  readonly chunks: Uint8Array[];
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events freely
  events(): any[];
  closed: boolean;
  stop(): void;
}

/** Starts a stream and keeps what it writes. */
export function collect(response: ApiResponse): CollectedStream {
  const controller = new AbortController();
  const chunks: Uint8Array[] = [];
  const collected: CollectedStream = {
    chunks,
    closed: false,
    stop: () => controller.abort(),
    events: () =>
      chunks
        .map((chunk) => new TextDecoder().decode(chunk))
        .join('')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
  };
  const sink: ByteSink = {
    write: (chunk) => {
      chunks.push(chunk);
      return true;
    },
    close: () => {
      collected.closed = true;
    },
    onDrain: () => {},
  };
  (response.body as ResponseStream).start(sink, controller.signal);
  return collected;
}
