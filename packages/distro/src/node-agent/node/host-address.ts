/** The address under which this machine is reached. */
import { networkInterfaces } from 'node:os';
import { readText } from '../../host/node/files.ts';

/** IPv4 of the interface of the default route, else of the first one that is no loopback; undefined on a lonely machine. */
export async function primaryAddress(): Promise<string | undefined> {
  const interfaces = networkInterfaces();
  const addressOf = (name: string) =>
    interfaces[name]?.find((entry) => entry.family === 'IPv4' && !entry.internal)?.address;
  const uplink = defaultRouteInterface((await readText('/proc/net/route')) ?? '');
  const byRoute = uplink === undefined ? undefined : addressOf(uplink);
  return (
    byRoute ??
    Object.keys(interfaces)
      .map(addressOf)
      .find((address) => address !== undefined)
  );
}

/** The addresses under which this machine is reached: IPv4, then IPv6 where it has one beyond its own link. */
export async function machineAddresses(): Promise<readonly [string, ...string[]]> {
  const first = (await primaryAddress()) ?? '127.0.0.1';
  const interfaces = Object.values(networkInterfaces()).map((entries) => entries ?? []);
  // Of the same interface: others may be cables, bridges or tunnels.
  const own = interfaces.find((entries) => entries.some(({ address }) => address === first)) ?? [];
  const second = own.find(
    ({ family, internal, address }) => family === 'IPv6' && !internal && !/^fe[89ab]/.test(address),
  );
  return second === undefined ? [first] : [first, second.address];
}

/** The interface of the route to 0.0.0.0/0 with the lowest metric. Columns: Iface Destination Gateway Flags … Metric Mask. */
export function defaultRouteInterface(routes: string): string | undefined {
  const rows = routes
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'));
  const defaults = rows.filter((row) => row[1] === '00000000' && row[7] === '00000000');
  return defaults.toSorted((a, b) => Number(a[6]) - Number(b[6]))[0]?.[0];
}
