/** services/proxy: to a ready endpoint. Source: kubernetes pkg/registry/core/service/storage/storage.go, ResourceLocation. */
import { coreV1 } from '@kapella/api';
import type { EndpointSubset, Service } from '@kapella/api/types/core-v1';
import type { ConnectSubresource } from '@kapella/apiserver';
import { ApiError, errors } from '@kapella/base';
import { proxyOptions } from '../../support/connect-options.ts';
import { parseProxyName, pathWithQuery } from '../../support/proxy-name.ts';

export const serviceConnects: Readonly<Record<string, ConnectSubresource<Service>>> = {
  proxy: {
    verbs: ['proxy'],
    options: (query, restPath) => proxyOptions('ServiceProxyOptions', query, restPath),
    async target(request, restPath, ctx) {
      const { scheme, name, port } = parseProxyName(request.name, 'service');
      const service = await request.server.get(coreV1.Service, request.namespace, name);
      if (service === undefined) throw errors.notFound({ group: '', resource: 'services', name });
      const endpoints = await request.server.get(coreV1.Endpoints, request.namespace, name);
      if (endpoints === undefined) throw errors.notFound({ group: '', resource: 'endpoints', name });
      const unavailable = (why: string) => new ApiError('ServiceUnavailable', why);
      if ((endpoints.subsets?.length ?? 0) === 0) throw unavailable(`no endpoints available for service "${name}"`);
      const portName = portNameOf(service, port);
      if (portName === undefined) throw unavailable(`no service port "${port}" found for service "${name}"`);
      const places = (endpoints.subsets ?? []).flatMap((subset) => placesOf(subset, portName));
      const place = places[Math.floor(ctx.random.float() * places.length)];
      if (place === undefined) throw unavailable(`no endpoints available for service "${request.name}"`);
      return { protocol: scheme, ...place, path: pathWithQuery(restPath, request.query), kubeletAuth: false };
    },
  },
};

/** A number names the port by its number; '' matches any port. */
function portNameOf(service: Service, port: string): string | undefined {
  if (!/^\d+$/.test(port)) return port;
  const found = service.spec.ports?.find((p) => p.port === Number(port));
  return found === undefined ? undefined : (found.name ?? '');
}

function placesOf(subset: EndpointSubset, portName: string): { host: string; port: number }[] {
  const ports = (subset.ports ?? []).filter((p) => portName === '' || p.name === portName);
  return ports.flatMap(({ port }) => (subset.addresses ?? []).map(({ ip }) => ({ host: ip, port })));
}
