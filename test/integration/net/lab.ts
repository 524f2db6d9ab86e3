/** A node with Pods and a stranger outside, as network namespaces, for tests of real packets. Root, iproute2. */
import { execFile, type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OUTPUT_TIMEOUT_MS = 5_000;

/** Answers on TCP and UDP with `name client-address`. Prints one line when it listens. */
const SERVER = `
const [name, port, address] = process.argv.slice(1);
const tcp = require('node:net').createServer((s) => {
  s.on('error', () => {});
  s.end(name + ' ' + s.remoteAddress + '\\n');
});
const udp = require('node:dgram').createSocket('udp4');
udp.on('message', (m, r) => udp.send(name + ' ' + r.address + '\\n', r.port, r.address));
udp.bind(Number(port), address, () => tcp.listen(Number(port), address, () => console.log('up')));
`;

export interface Lab {
  readonly prefix: string;
  /** Runs a command in `node`, `out` or a Pod's namespace. */
  exec(where: string, ...command: readonly string[]): Promise<string>;
  /** Creates a Pod's namespace with a routed veth pair, as the ptp plugin does. */
  addPod(name: string, ip: string): Promise<void>;
  /** On all addresses unless one is given; a UDP answer from a node with many needs one, to come from the right one. */
  serve(where: string, port: number, address?: string): Promise<void>;
  /** What answers on TCP: `name client-address`; `refused`, `timeout` or the error's text otherwise. */
  ask(where: string, ip: string, port: number): Promise<string>;
  askUdp(where: string, ip: string, port: number, sourcePort?: number): Promise<string>;
  close(): Promise<void>;
}

export const NODE_IP = '192.0.2.1';
export const OUTSIDE_IP = '192.0.2.100';
export const GATEWAY_IP = '10.244.0.1';

export async function createLab(): Promise<Lab> {
  const prefix = `kl${process.pid}`;
  const ns = (name: string) => `${prefix}-${name}`;
  const names = new Set<string>();
  const servers: ChildProcess[] = [];
  const ip = async (...args: readonly string[]) => void (await run('ip', args));
  const exec = async (where: string, ...command: readonly string[]) =>
    (await run('ip', ['netns', 'exec', ns(where), ...command])).stdout;
  const addNs = async (name: string) => {
    await ip('netns', 'add', ns(name));
    names.add(name);
    await ip('-n', ns(name), 'link', 'set', 'lo', 'up');
  };
  await addNs('node');
  await addNs('out');
  await exec('node', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
  await ip('link', 'add', 'eth0', 'netns', ns('node'), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns('out'));
  await ip('-n', ns('node'), 'addr', 'add', `${NODE_IP}/24`, 'dev', 'eth0');
  await ip('-n', ns('out'), 'addr', 'add', `${OUTSIDE_IP}/24`, 'dev', 'eth0');
  for (const name of ['node', 'out']) await ip('-n', ns(name), 'link', 'set', 'eth0', 'up');
  await ip('-n', ns('node'), 'route', 'add', 'default', 'via', OUTSIDE_IP);

  const script = async (where: string, text: string, ...args: readonly string[]): Promise<string> => {
    try {
      return (await exec(where, 'timeout', '2', 'bash', '-c', text, 'x', ...args)).trim();
    } catch (error) {
      const { stderr, code } = error as { stderr?: string; code?: number };
      if (code === 124) return 'timeout';
      return /refused/i.test(stderr ?? '') ? 'refused' : `failed: ${stderr}`;
    }
  };
  return {
    prefix,
    exec,
    async addPod(name, address) {
      await addNs(name);
      const host = `v${name}`;
      await ip('link', 'add', host, 'netns', ns('node'), 'type', 'veth', 'peer', 'name', 'eth0', 'netns', ns(name));
      await ip('-n', ns('node'), 'addr', 'add', `${GATEWAY_IP}/32`, 'dev', host);
      await ip('-n', ns('node'), 'link', 'set', host, 'up');
      await ip('-n', ns('node'), 'route', 'add', address, 'dev', host);
      await ip('-n', ns(name), 'addr', 'add', `${address}/32`, 'dev', 'eth0');
      await ip('-n', ns(name), 'link', 'set', 'eth0', 'up');
      await ip('-n', ns(name), 'route', 'add', GATEWAY_IP, 'dev', 'eth0');
      await ip('-n', ns(name), 'route', 'add', 'default', 'via', GATEWAY_IP);
    },
    async serve(where, port, address = '0.0.0.0') {
      const args = ['netns', 'exec', ns(where), process.execPath, '-e', SERVER, where, String(port), address];
      const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      servers.push(child);
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(OUTPUT_TIMEOUT_MS) });
    },
    ask: (where, address, port) => script(where, 'exec 3<>"/dev/tcp/$1/$2" && cat <&3', address, String(port)),
    askUdp: (where, address, port) =>
      script(where, 'exec 3<>"/dev/udp/$1/$2"; echo x >&3 && head -n1 <&3', address, String(port)),
    async close() {
      for (const server of servers) server.kill('SIGKILL');
      for (const name of names) await ip('netns', 'del', ns(name));
    },
  };
}
