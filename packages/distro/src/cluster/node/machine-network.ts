/** What of this machine's network decides the defaults of a new cluster. Source: proc(5), /proc/net. */
import { hostname } from 'node:os';
import { readText } from '../../host/node/files.ts';
import { type MachineNetwork, parseListening, parseRoutes } from '../choose-options.ts';

export async function readMachineNetwork(): Promise<MachineNetwork> {
  const [tcp, tcp6, routes] = await Promise.all(['tcp', 'tcp6', 'route'].map((name) => readText(`/proc/net/${name}`)));
  return {
    hostName: hostname(),
    listeningPorts: new Set([...parseListening(tcp ?? ''), ...parseListening(tcp6 ?? '')]),
    routes: parseRoutes(routes ?? ''),
  };
}
