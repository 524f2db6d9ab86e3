/** hostPorts of one Pod on this node -> elements of the table. Stands in for the CNI portmap plugin. */
import type { Pod } from '@kapella/api/types/core-v1';
import { type Contribution, type Family, familyOf, PROTOCOL_NUMBERS, type ProxyNode } from './model.ts';
import { createSink, forward } from './plan-service.ts';

const LOOPBACK: Readonly<Record<Family, string>> = { IPv4: '127.0.0.1', IPv6: '::1' };

/** Nothing for Pods on the host's network: their ports are the host's already. */
export function planHostPorts(pod: Pod, node: ProxyNode, family: Family): Contribution {
  const out = createSink();
  const podIP = podIPOf(pod, family);
  if (podIP === undefined) return out.take();
  const containers = [...(pod.spec.initContainers ?? []), ...pod.spec.containers];
  for (const port of containers.flatMap((container) => container.ports ?? [])) {
    const { hostPort = 0 } = port;
    if (hostPort === 0) continue;
    const protocol = PROTOCOL_NUMBERS[port.protocol ?? 'TCP'] ?? 6;
    for (const ip of hostIPsOf(port.hostIP, node, family)) {
      const frontend = { ip, port: hostPort, protocol, affinitySeconds: undefined };
      forward(out, frontend, [{ ip: podIP, port: port.containerPort }], false);
      // A source of 127.0.0.1 cannot leave the host; for the rest the Pod sees the true source.
      if (ip === LOOPBACK[family]) out.add('masquerades', `${ip} . ${protocol} . ${hostPort}`, 'jump mark-all');
    }
    out.add('hairpin', `${podIP} . ${podIP}`, '');
  }
  return out.take();
}

/** undefined: no traffic is to come to it through the host. */
function podIPOf(pod: Pod, family: Family): string | undefined {
  const phase = pod.status?.phase;
  if (pod.spec.hostNetwork === true || phase === 'Succeeded' || phase === 'Failed') return undefined;
  const podIPs = pod.status?.podIPs?.map((p) => p.ip) ?? (pod.status?.podIP === undefined ? [] : [pod.status.podIP]);
  return podIPs.find((ip) => ip !== undefined && ip !== '' && familyOf(ip) === family);
}

function hostIPsOf(hostIP: string | undefined, node: ProxyNode, family: Family): readonly string[] {
  const any = hostIP === undefined || hostIP === '' || hostIP === '0.0.0.0' || hostIP === '::';
  const all = any ? [...node.nodePortAddresses, ...(family === 'IPv4' ? [LOOPBACK.IPv4] : [])] : [hostIP];
  return all.filter((ip) => familyOf(ip) === family);
}
