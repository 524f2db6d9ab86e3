/** PluginHost over a directory of this machine. */
import { mkdirSync, watch } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createUnaryClient, loadProto } from '@kapella/csi/node';
import type { Ctx } from '@kapella/base';
import type { PluginHost, PluginSocket } from '../plugin-manager.ts';

const CALL_MS = 10_000;
/** In case the kernel told of nothing, e.g. in a folder that was made meanwhile. */
const LOOK_MS = 2_000;

/** Makes the directory where it is missing. */
export function createPluginHost(dir: string): PluginHost {
  mkdirSync(dir, { recursive: true, mode: 0o750 });
  const Service = loadProto('./registration.proto').pluginregistration.Registration;
  return {
    sockets: () => socketsUnder(dir),
    watch: (onChange, ctx) => watchDir(dir, onChange, ctx),
    connect(path) {
      const client = createUnaryClient(Service, path);
      return {
        info: (ctx) => client.call('getInfo', {}, CALL_MS, ctx),
        async notify(pluginRegistered, error, ctx) {
          await client.call('notifyRegistrationStatus', { pluginRegistered, error }, CALL_MS, ctx);
        },
        close: () => client.close(),
      };
    },
  };
}

/** Names that begin with a dot are being made. */
async function socketsUnder(dir: string): Promise<readonly PluginSocket[]> {
  const found: PluginSocket[] = [];
  for (const name of await readdir(dir).catch(() => [])) {
    if (name.startsWith('.')) continue;
    const path = join(dir, name);
    const info = await lstat(path, { bigint: true }).catch(() => undefined);
    if (info?.isSocket()) found.push({ path, id: `${info.ino}/${info.ctimeNs}` });
    else if (info?.isDirectory()) found.push(...(await socketsUnder(path)));
  }
  return found;
}

async function watchDir(dir: string, onChange: () => void, ctx: Ctx): Promise<void> {
  const watcher = watch(dir, () => onChange());
  watcher.on('error', (error) => ctx.log.warn('plugin directory not watched', { dir, error: String(error) }));
  const timer = setInterval(onChange, LOOK_MS);
  await new Promise<void>((resolve) => {
    if (ctx.signal.aborted) resolve();
    ctx.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(timer);
  watcher.close();
}
