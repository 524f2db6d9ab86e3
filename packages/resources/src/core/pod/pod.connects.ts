/** log, exec, attach, portforward and proxy of Pods. Source: kubernetes pkg/registry/core/pod/strategy.go. */
import { coreV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { ConnectSubresource, SubresourceRequest } from '@kapella/apiserver';
import { errors, FieldErrors } from '@kapella/base';
import { isTrue, portForwardOptions, proxyOptions, streamOptions } from '../../support/connect-options.ts';
import { kubeletTarget } from '../../support/kubelet.ts';
import { parseProxyName, pathWithQuery } from '../../support/proxy-name.ts';

export const podConnects: Readonly<Record<string, ConnectSubresource<Pod>>> = {
  log: {
    verbs: ['get'],
    async target(request) {
      const pod = podOf(request);
      validateLogOptions(request);
      const container = chooseContainer(pod, request.query.get('container') ?? '');
      const path = `/containerLogs/${pod.metadata.namespace}/${pod.metadata.name}/${container}`;
      return kubeletTarget(request.server, nodeOf(pod), withQuery(path, logQuery(request.query)));
    },
  },
  exec: stream('exec'),
  attach: stream('attach'),
  portforward: {
    verbs: ['get', 'create'],
    options: (query) => portForwardOptions(query),
    async target(request) {
      const pod = podOf(request);
      const query = new URLSearchParams();
      const ports = request.query.getAll('ports');
      if (ports.length > 0) query.set('port', ports.join(','));
      const path = `/portForward/${pod.metadata.namespace}/${pod.metadata.name}`;
      return kubeletTarget(request.server, nodeOf(pod), withQuery(path, query));
    },
  },
  proxy: {
    verbs: ['proxy'],
    options: (query, restPath) => proxyOptions('PodProxyOptions', query, restPath),
    async target(request, restPath) {
      const { scheme, name, port } = parseProxyName(request.name, 'pod');
      const pod = await request.server.get(coreV1.Pod, request.namespace, name);
      if (pod === undefined) throw errors.notFound({ group: '', resource: 'pods', name });
      const host = pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP ?? '';
      if (!isGlobalUnicast(host)) throw errors.badRequest('address not allowed');
      const firstPort = pod.spec.containers.find((c) => (c.ports?.length ?? 0) > 0)?.ports?.[0]?.containerPort;
      return {
        protocol: scheme,
        host,
        port: port === '' ? (firstPort ?? (scheme === 'https' ? 443 : 80)) : Number(port),
        path: pathWithQuery(restPath, request.query),
        kubeletAuth: false,
      };
    },
  },
};

function stream(what: 'exec' | 'attach'): ConnectSubresource<Pod> {
  const kind = what === 'exec' ? 'PodExecOptions' : 'PodAttachOptions';
  return {
    verbs: ['get', 'create'],
    options: (query) => streamOptions(kind, query),
    async target(request) {
      const pod = podOf(request);
      validateStreamOptions(request.query, what);
      const container = chooseContainer(pod, request.query.get('container') ?? '');
      const path = `/${what}/${pod.metadata.namespace}/${pod.metadata.name}/${container}`;
      return kubeletTarget(request.server, nodeOf(pod), withQuery(path, streamQuery(request.query, what)));
    },
  };
}

function podOf({ parent, name }: SubresourceRequest<Pod>): Pod {
  if (parent === undefined) throw errors.notFound({ group: '', resource: 'pods', name });
  return parent;
}

function nodeOf(pod: Pod): string {
  if (!pod.spec.nodeName) throw errors.badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  return pod.spec.nodeName;
}

/** The container meant by a request; throws BadRequest where it is not clear or not there. */
export function chooseContainer(pod: Pod, wanted: string): string {
  const { initContainers = [], containers, ephemeralContainers = [] } = pod.spec;
  const names = [...initContainers, ...containers, ...ephemeralContainers].map((container) => container.name);
  if (wanted !== '') {
    if (names.includes(wanted)) return wanted;
    throw errors.badRequest(`container ${wanted} is not valid for pod ${pod.metadata.name}`);
  }
  const only = containers[0];
  if (containers.length === 1 && only !== undefined) return only.name;
  const choice = containers.length === 0 ? '' : `, choose one of: [${names.join(' ')}]`;
  throw errors.badRequest(`a container name must be specified for pod ${pod.metadata.name}${choice}`);
}

const LOG_FLAGS = ['follow', 'previous', 'timestamps'] as const;
const LOG_VALUES = ['sinceSeconds', 'sinceTime', 'tailLines', 'limitBytes'] as const;

function logQuery(query: URLSearchParams): URLSearchParams {
  const out = new URLSearchParams();
  for (const name of LOG_FLAGS) if (isTrue(query.get(name))) out.set(name, 'true');
  for (const name of LOG_VALUES) {
    const value = query.get(name);
    if (value !== null && value !== '') out.set(name, value);
  }
  out.set('stream', query.get('stream') || 'All');
  return out;
}

/** Throws Invalid. Source: pkg/apis/core/validation ValidatePodLogOptions. */
function validateLogOptions({ query, name }: SubresourceRequest<Pod>): void {
  const found = new FieldErrors();
  const tailLines = query.get('tailLines');
  const limitBytes = query.get('limitBytes');
  const sinceSeconds = query.get('sinceSeconds');
  if (tailLines && Number(tailLines) < 0) {
    found.invalid('tailLines', Number(tailLines), 'must be greater than or equal to 0');
  }
  if (limitBytes && Number(limitBytes) < 1) found.invalid('limitBytes', Number(limitBytes), 'must be greater than 0');
  if (sinceSeconds && query.get('sinceTime')) {
    found.forbidden('', 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  } else if (sinceSeconds && Number(sinceSeconds) < 1) {
    found.invalid('sinceSeconds', Number(sinceSeconds), 'must be greater than 0');
  }
  const streamName = query.get('stream') || 'All';
  if (!['All', 'Stdout', 'Stderr'].includes(streamName)) {
    found.notSupported('stream', streamName, ['All', 'Stderr', 'Stdout']);
  }
  if (streamName !== 'All' && tailLines) {
    found.forbidden('', '`tailLines` and specific `stream` are mutually exclusive for now');
  }
  if (found.any) throw found.toApiError({ group: '', kind: 'PodLogOptions', name });
}

function validateStreamOptions(query: URLSearchParams, what: 'exec' | 'attach'): void {
  const any = ['stdin', 'stdout', 'stderr'].some((name) => isTrue(query.get(name)));
  if (!any) throw errors.badRequest('you must specify at least 1 of stdin, stdout, stderr');
  if (isTrue(query.get('tty')) && isTrue(query.get('stderr'))) {
    throw errors.badRequest('tty and stderr cannot both be true');
  }
  if (what === 'exec' && query.getAll('command').length === 0)
    throw errors.badRequest('you must specify at least 1 command');
}

/** The node agent's own parameter names. */
function streamQuery(query: URLSearchParams, what: 'exec' | 'attach'): URLSearchParams {
  const out = new URLSearchParams();
  if (isTrue(query.get('stdin'))) out.set('input', '1');
  if (isTrue(query.get('stdout'))) out.set('output', '1');
  if (isTrue(query.get('stderr'))) out.set('error', '1');
  if (isTrue(query.get('tty'))) out.set('tty', '1');
  if (what === 'exec') for (const part of query.getAll('command')) out.append('command', part);
  return out;
}

function withQuery(path: string, query: URLSearchParams): string {
  return query.size === 0 ? path : `${path}?${query}`;
}

/** No unspecified, loopback, link-local or multicast address: proxying there would reach the server itself. */
export function isGlobalUnicast(ip: string): boolean {
  if (ip === '' || ip === '0.0.0.0' || ip === '255.255.255.255' || ip === '::' || ip === '::1') return false;
  if (ip.includes(':')) return !/^(?:fe[89ab]|ff)/i.test(ip);
  const [first = 0, second = 0] = ip.split('.').map(Number);
  return first !== 127 && !(first === 169 && second === 254) && !(first >= 224 && first < 240);
}
