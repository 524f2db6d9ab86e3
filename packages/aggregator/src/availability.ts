/** Whether an APIService can be used, asked of the server itself. Source: kube-aggregator pkg/controllers/status. */
import { coreV1, discoveryV1 } from '@kapella/api';
import type { APIService, APIServiceCondition } from '@kapella/api/types/apiregistration-v1';
import { type HttpCaller, type ServerAccess, targetOf } from '@kapella/apiserver';
import { type Ctx, formatTime, jsonEqual } from '@kapella/base';
import type { RemoteResource } from './remote-resources.ts';

const CHECK_MS_MAX = 5_000;
const DISCOVERY_BYTES_MAX = 4 << 20;
const decoder = new TextDecoder();

export interface Identity {
  /** PEM of the client certificate by which extension servers know this one. */
  readonly certificate: string;
  readonly privateKey: string;
}

export interface Checked {
  readonly condition: Omit<APIServiceCondition, 'lastTransitionTime'>;
  /** What the server says it serves; undefined when it could not be asked. */
  readonly resources: readonly RemoteResource[] | undefined;
}

export const LOCAL: Checked['condition'] = {
  type: 'Available',
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};

const unavailable = (reason: string, message: string): Checked => ({
  condition: { type: 'Available', status: 'False', reason, message },
  resources: undefined,
});

/** Looks at the service, then asks the server for its discovery document. Never rejects. */
export async function checkAvailability(
  service: APIService,
  server: ServerAccess,
  caller: HttpCaller,
  identity: Identity,
  ctx: Ctx,
): Promise<Checked> {
  const { namespace = '', name = '' } = service.spec.service ?? {};
  const found = await server.get(coreV1.Service, namespace, name);
  if (found === undefined)
    return unavailable('ServiceNotFound', `service/${name} in ${JSON.stringify(namespace)} is not present`);
  if (found.spec?.type !== 'ExternalName' && !(await hasEndpoints(namespace, name, server))) {
    const message = `endpoints for service/${name} in ${JSON.stringify(namespace)} have no addresses with port name ""`;
    return unavailable('MissingEndpoints', message);
  }
  try {
    return await discover(service, server, caller, identity, ctx);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return unavailable('FailedDiscoveryCheck', `failing or missing response from ${pathOf(service)}: ${why}`);
  }
}

async function hasEndpoints(namespace: string, name: string, server: ServerAccess): Promise<boolean> {
  const slices = await server.list(discoveryV1.EndpointSlice, namespace);
  return slices.some(
    ({ metadata, endpoints }) =>
      metadata.labels?.['kubernetes.io/service-name'] === name &&
      endpoints?.some(({ conditions }) => conditions?.ready !== false) === true,
  );
}

export const pathOf = ({ spec }: APIService) => `/apis/${spec.group}/${spec.version}`;

async function discover(
  service: APIService,
  server: ServerAccess,
  caller: HttpCaller,
  identity: Identity,
  ctx: Ctx,
): Promise<Checked> {
  const target = await targetFor(service, server, pathOf(service));
  const tls = { ...target.tls, ...identity, insecure: service.spec.insecureSkipTLSVerify === true };
  const headers = {
    accept: 'application/json',
    'x-remote-user': 'system:kube-aggregator',
    'x-remote-group': 'system:masters',
  };
  const answer = await caller(
    { ...target, tls, method: 'GET', headers, timeoutMs: CHECK_MS_MAX, bytesMax: DISCOVERY_BYTES_MAX },
    ctx,
  );
  if (answer.status !== 200) throw new Error(`bad status from ${target.url}: ${answer.status}`);
  const { resources = [] } = JSON.parse(decoder.decode(answer.body)) as {
    readonly resources?: readonly RemoteResource[];
  };
  const condition = { type: 'Available', status: 'True', reason: 'Passed', message: 'all checks passed' };
  return { condition, resources };
}

/** Where requests for an APIService go. Throws Error when its service leads nowhere. */
export function targetFor({ spec }: APIService, server: ServerAccess, path: string) {
  const { namespace = '', name = '', port = 443 } = spec.service ?? {};
  return targetOf({ service: { namespace, name, port, path }, caBundle: spec.caBundle }, server);
}

/** The APIService with this condition; undefined when it has it already. */
export function withCondition(
  service: APIService,
  wanted: Checked['condition'],
  nowMs: number,
): APIService | undefined {
  const conditions = service.status?.conditions ?? [];
  const old = conditions.find(({ type }) => type === wanted.type);
  if (old !== undefined) {
    const { lastTransitionTime: _, ...rest } = old;
    if (jsonEqual(rest, wanted)) return undefined;
  }
  const since = old?.status === wanted.status ? (old.lastTransitionTime ?? formatTime(nowMs)) : formatTime(nowMs);
  const others = conditions.filter((condition) => condition !== old);
  return {
    ...service,
    status: { ...service.status, conditions: [...others, { ...wanted, lastTransitionTime: since }] },
  };
}
