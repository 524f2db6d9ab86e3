/** Makes this host ready to connect Pods: plugins, configuration, forwarding, masquerade. Idempotent. */
import { access, mkdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError, type Ctx } from '@kapella/base';
import type { CniBackend, PodNetwork } from '../backend.ts';
import { renderMasquerade } from '../masquerade.ts';
import { runCommand } from './command.ts';

/** Where distributions put the plugins. */
export const PLUGIN_DIRS: readonly string[] = ['/usr/lib/cni', '/opt/cni/bin', '/usr/libexec/cni'];
const MTU_BYTES_DEFAULT = 1_500;

export interface SetUpOptions {
  readonly backend: CniBackend;
  readonly network: PodNetwork;
  /** containerd's `bin_dir` and `conf_dir`. */
  readonly binDir: string;
  readonly confDir: string;
  readonly pluginDirs?: readonly string[];
  /** Put before each command, for a node in a namespace of its own. */
  readonly commandPrefix?: readonly string[];
}

/** Throws NotFound where a plugin is not installed. The configuration comes last: with it containerd reports ready. */
export async function setUpPodNetwork(options: SetUpOptions, ctx: Ctx): Promise<void> {
  const { backend, network, binDir, confDir, commandPrefix = [] } = options;
  await Promise.all([binDir, confDir, network.ipamDir].map((dir) => mkdir(dir, { recursive: true })));
  await Promise.all(backend.plugins.map((name) => linkPlugin(name, binDir, options.pluginDirs ?? PLUGIN_DIRS)));
  const forwarding = ['net.ipv4.ip_forward=1'];
  if (network.podCIDRs.some((cidr) => cidr.includes(':'))) forwarding.push('net.ipv6.conf.all.forwarding=1');
  await runCommand([...commandPrefix, 'sysctl', '-qw', ...forwarding], ctx);
  await runCommand([...commandPrefix, 'nft', '-f', '-'], ctx, renderMasquerade(network));
  const path = join(confDir, backend.fileName(network));
  const content = backend.configList(network);
  if ((await readFile(path, 'utf8').catch(() => '')) === content) return;
  await writeFile(`${path}.tmp`, content);
  await rename(`${path}.tmp`, path);
}

async function linkPlugin(name: string, binDir: string, dirs: readonly string[]): Promise<void> {
  for (const dir of dirs) {
    const source = join(dir, name);
    if (!(await exists(source))) continue;
    const link = join(binDir, name);
    if (await exists(link)) return;
    await unlink(link).catch(() => {}); // a link to a plugin that was uninstalled
    await symlink(source, link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    return;
  }
  if (await exists(join(binDir, name))) return;
  throw new ApiError(
    'NotFound',
    `CNI plugin ${name} is in none of ${dirs.join(', ')}; install containernetworking-plugins`,
  );
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** MTU of the interface of the default route, or 1500 without one. */
export async function uplinkMtuBytes(ctx: Ctx, commandPrefix: readonly string[] = []): Promise<number> {
  const routes = JSON.parse(
    (await runCommand([...commandPrefix, 'ip', '-j', 'route', 'show', 'default'], ctx)) || '[]',
  );
  const dev: unknown = routes[0]?.dev;
  if (typeof dev !== 'string') return MTU_BYTES_DEFAULT;
  const links = JSON.parse(await runCommand([...commandPrefix, 'ip', '-j', 'link', 'show', 'dev', dev], ctx));
  return Number(links[0]?.mtu ?? MTU_BYTES_DEFAULT);
}
