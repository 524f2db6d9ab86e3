/** Plugins that announce themselves by a socket in `plugins_registry`. Source: kubernetes pkg/kubelet/pluginmanager. */
import { childCtx, type Ctx, describeError, sleep } from '@kapella/base';

const RETRY_MS = 500;
const RETRY_MS_MAX = 120_000;

export interface PluginInfo {
  /** `CSIPlugin`, `DRAPlugin`, `DevicePlugin`. */
  readonly type: string;
  readonly name: string;
  /** Socket for all further calls; '' = the one that it registers by. */
  readonly endpoint: string;
  readonly supportedVersions: readonly string[];
}

/** One kind of plugin. */
export interface PluginHandler {
  /** Throws an Error that says why the plugin is refused. */
  register(plugin: PluginInfo, ctx: Ctx): Promise<void>;
  deregister(plugin: PluginInfo, ctx: Ctx): Promise<void>;
}

/** `id` differs when a socket was made anew under the same path. */
export interface PluginSocket {
  readonly path: string;
  readonly id: string;
}

export interface RegistrationClient {
  info(ctx: Ctx): Promise<PluginInfo>;
  notify(registered: boolean, error: string, ctx: Ctx): Promise<void>;
  close(): void;
}

export interface PluginHost {
  sockets(): Promise<readonly PluginSocket[]>;
  /** Calls `onChange` when sockets may have come or gone, until `ctx` aborts. */
  watch(onChange: () => void, ctx: Ctx): Promise<void>;
  connect(path: string): RegistrationClient;
}

/** Registers what is there and what comes, deregisters what goes, until `ctx` aborts. */
export async function runPluginManager(
  host: PluginHost,
  handlers: ReadonlyMap<string, PluginHandler>,
  ctx: Ctx,
): Promise<void> {
  const known = new Map<string, Registration>();
  const follow = async () => {
    const present = new Map((await host.sockets()).map(({ path, id }) => [path, id]));
    for (const [path, registration] of known) {
      if (present.get(path) === registration.id) continue;
      known.delete(path);
      await registration.end();
    }
    for (const [path, id] of present) {
      if (!known.has(path)) known.set(path, startRegistration(path, id, host, handlers, ctx));
    }
  };
  let pending: Promise<void> = Promise.resolve();
  const onChange = () => {
    pending = pending.then(follow).catch((error: unknown) => {
      ctx.log.warn('plugin sockets not read', { error: describeError(error) });
    });
  };
  onChange();
  await host.watch(onChange, ctx);
  await pending;
  await Promise.all([...known.values()].map(({ done }) => done));
}

interface Registration {
  readonly id: string;
  readonly done: Promise<void>;
  /** Stops trying and deregisters. */
  end(): Promise<void>;
}

function startRegistration(
  path: string,
  id: string,
  host: PluginHost,
  handlers: ReadonlyMap<string, PluginHandler>,
  ctx: Ctx,
): Registration {
  const abort = new AbortController();
  const own = childCtx(ctx, abort.signal);
  let registered: PluginInfo | undefined;
  const attempt = async (): Promise<void> => {
    const client = host.connect(path);
    try {
      const seen = await client.info(own);
      const info = { ...seen, endpoint: seen.endpoint || path };
      try {
        const handler = handlers.get(info.type);
        if (handler === undefined) throw new Error(`no handler registered for plugin type: ${info.type}`);
        await handler.register(info, own);
      } catch (error) {
        await client.notify(false, describeError(error), own);
        throw error;
      }
      registered = info;
      ctx.log.info('plugin registered', { type: info.type, name: info.name, endpoint: info.endpoint });
      await client.notify(true, '', own);
    } finally {
      client.close();
    }
  };
  const done = retry(path, attempt, own);
  return {
    id,
    done,
    async end() {
      abort.abort(new Error('the socket is gone'));
      await done;
      if (registered === undefined) return;
      ctx.log.info('plugin gone', { type: registered.type, name: registered.name });
      await handlers
        .get(registered.type)
        ?.deregister(registered, ctx)
        .catch((error: unknown) => ctx.log.warn('plugin not deregistered', { path, error: describeError(error) }));
    },
  };
}

async function retry(path: string, attempt: () => Promise<void>, ctx: Ctx): Promise<void> {
  for (let pauseMs = RETRY_MS; !ctx.signal.aborted; pauseMs = Math.min(pauseMs * 2, RETRY_MS_MAX)) {
    try {
      return await attempt();
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('plugin not registered', { path, retryMs: pauseMs, error: describeError(error) });
      await sleep(pauseMs, ctx).catch(() => {});
    }
  }
}
