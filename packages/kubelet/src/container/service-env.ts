/** Variables that name the Services of a namespace. Source: kubernetes pkg/kubelet/envvars/envvars.go. */
import type { Service } from '@kapella/api/types/core-v1';

const MASTER_SERVICE = 'kubernetes';

/** Services of the Pod's namespace (if it wants them) and always `default/kubernetes`. */
export function serviceEnv(
  services: readonly Service[],
  namespace: string,
  links: boolean,
): ReadonlyMap<string, string> {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const { name } = service.metadata;
    const own = service.metadata.namespace === namespace;
    const master = service.metadata.namespace === 'default' && name === MASTER_SERVICE;
    const ip = service.spec?.clusterIP;
    if (ip === undefined || ip === '' || ip === 'None') continue;
    if (own && (links || master)) chosen.set(name, service);
    else if (master && !chosen.has(name)) chosen.set(name, service);
  }
  const env = new Map<string, string>();
  for (const service of chosen.values()) addService(service, env);
  return env;
}

function addService({ metadata, spec }: Service, env: Map<string, string>): void {
  const prefix = envName(metadata.name);
  const host = spec?.clusterIP as string;
  const ports = spec?.ports ?? [];
  const [first] = ports;
  if (first === undefined) return;
  env.set(`${prefix}_SERVICE_HOST`, host);
  env.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) {
    if (port.name) env.set(`${prefix}_SERVICE_PORT_${envName(port.name)}`, String(port.port));
  }
  ports.forEach((port, i) => {
    const protocol = port.protocol ?? 'TCP';
    const url = `${protocol.toLowerCase()}://${host.includes(':') ? `[${host}]` : host}:${port.port}`;
    if (i === 0) env.set(`${prefix}_PORT`, url);
    const portPrefix = `${prefix}_PORT_${port.port}_${protocol}`;
    env.set(portPrefix, url);
    env.set(`${portPrefix}_PROTO`, protocol.toLowerCase());
    env.set(`${portPrefix}_PORT`, String(port.port));
    env.set(`${portPrefix}_ADDR`, host);
  });
}

const envName = (name: string) => name.replaceAll('-', '_').toUpperCase();
