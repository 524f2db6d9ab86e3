/** An API server with its port, from what its host gives: shared by `kapella server` and the drop-in kube-apiserver. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { createDescriptions, type Descriptions } from '@kapella/api';
import { type AdmissionPlugin, type ApiServer, ConfigurationError } from '@kapella/apiserver';
import {
  createConnectDialer,
  createHttpCaller,
  type KubeletCredentials,
  type RunningHttpsServer,
  type ServiceAccountTokens,
  startHttpsServer,
} from '@kapella/apiserver/node';
import { type Ctx, sleep } from '@kapella/base';
import { CliError } from '@kapella/cli';
import {
  type AuditParts,
  type AuthenticationParts,
  type AuthorizationMode,
  type AuthorizationParts,
  assembleApiServer,
  BOOTSTRAP_HOOKS,
  clientFor,
  IDENTITY_HOOKS,
  MASTER,
  type RunningIdentity,
  runIdentity,
  type ServerIdentity,
  type ServerLimits,
  type ShutdownOptions,
} from '@kapella/control-plane';
import type { Store } from '@kapella/store';
import { KUBERNETES_VERSION } from '../../version.ts';
import { addProcessMetrics } from './process-metrics.ts';
import { createProfiler } from './profiler.ts';
import { collectStartGarbage } from './start-garbage.ts';

export type { AuthorizationMode };

/** Requests of the server's own are served while it refuses others. */
const USER_AGENT = `kube-apiserver/${KUBERNETES_VERSION}`;

export interface ApiServerParts {
  readonly store: Store;
  /** Encryption at rest: the store of one resource's objects. */
  readonly storeFor?: (group: string, plural: string) => Store;
  readonly healthChecks?: ReadonlyMap<string, () => string | undefined>;
  readonly storeSizeBytes?: () => number | undefined;
  readonly tokens: ServiceAccountTokens;
  readonly anonymous: boolean;
  readonly authentication?: AuthenticationParts;
  readonly jwksUri?: string | undefined;
  /** Asked in this order. */
  readonly authorizationModes: readonly AuthorizationMode[];
  readonly authorization?: AuthorizationParts | undefined;
  readonly admission: readonly AdmissionPlugin[];
  readonly serviceCidrs: readonly string[];
  readonly kubelet: KubeletCredentials;
  /** By which extension servers know this one. PEM. */
  readonly frontProxy: { readonly certificate: string; readonly privateKey: string };
  /** PEM. */
  readonly certificate: string;
  readonly privateKey: string;
  /** PEM of the CAs that client certificates may come from. */
  readonly clientCa: string;
  /** PEM of the CAs of authenticating proxies. */
  readonly frontProxyCa?: string | undefined;
  readonly host: string;
  readonly port: number;
  /** What to write on the command line when the port is in use. */
  readonly portFlag: string;
  readonly limits?: ServerLimits;
  readonly audit?: AuditParts | undefined;
  readonly connections?: { readonly streamsMax: number; readonly goawayChance: number };
  readonly shutdown?: ShutdownOptions;
}

export interface RunningApiServer {
  readonly server: ApiServer;
  readonly port: number;
  /** The cluster's own objects are there: the server is ready, and claims its lease. */
  bootstrapped(): void;
  /** Drains, then closes the caches. The store stays open. */
  close(): Promise<void>;
}

/**
 * Resolves when the caches are loaded and the port is open. Throws CliError for what the user can mend.
 * The end of `ctx` ends nothing here: `close` does, when the last answer is written.
 */
export async function startApiServer(parts: ApiServerParts, ctx: Ctx): Promise<RunningApiServer> {
  const stop = new AbortController();
  const own: Ctx = { ...ctx, signal: stop.signal };
  const { audit, limits, ...rest } = parts;
  try {
    const server = await assembled(
      {
        ...rest,
        ...(audit === undefined ? {} : { audit }),
        ...(limits === undefined ? {} : { limits }),
        serverAddress: `127.0.0.1:${parts.port}`,
        caller: createHttpCaller(),
        dialer: createConnectDialer(parts.kubelet),
        descriptions: readDescriptions,
        profiler: createProfiler(),
      },
      own,
    );
    server.lifecycle.expect([...BOOTSTRAP_HOOKS, ...IDENTITY_HOOKS]);
    collectStartGarbage();
    const https = await listen(server, parts, own);
    addProcessMetrics(server.metrics);
    return new Running(server, https, parts.shutdown ?? AT_ONCE, stop, own);
  } catch (error) {
    stop.abort();
    throw error;
  }
}

const AT_ONCE: ShutdownOptions = { delayMs: 0, sendRetryAfter: false };

class Running implements RunningApiServer {
  readonly server: ApiServer;
  readonly port: number;
  readonly #https: RunningHttpsServer;
  readonly #shutdown: ShutdownOptions;
  readonly #stop: AbortController;
  readonly #ctx: Ctx;
  #identity: RunningIdentity | undefined;

  constructor(
    server: ApiServer,
    https: RunningHttpsServer,
    shutdown: ShutdownOptions,
    stop: AbortController,
    ctx: Ctx,
  ) {
    this.server = server;
    this.port = https.port;
    this.#https = https;
    this.#shutdown = shutdown;
    this.#stop = stop;
    this.#ctx = ctx;
  }

  bootstrapped(): void {
    const { lifecycle } = this.server;
    for (const hook of BOOTSTRAP_HOOKS) lifecycle.done(hook);
    this.#identity = runIdentity(clientFor(this.server, MASTER, USER_AGENT), identityOf(this.port), this.#ctx);
    void this.#identity.claimed.then(() => {
      for (const hook of IDENTITY_HOOKS) lifecycle.done(hook);
    });
  }

  /** Source: apiserver/pkg/server/genericapiserver.go, the order of its shutdown. */
  async close(): Promise<void> {
    const { lifecycle, auditor } = this.server;
    lifecycle.beginShutdown();
    await this.#identity?.release(this.#ctx);
    if (this.#shutdown.delayMs > 0) await sleep(this.#shutdown.delayMs, this.#ctx);
    if (this.#shutdown.sendRetryAfter) lifecycle.beginRefusing();
    await this.#https.close();
    await auditor?.close();
    this.server.close();
    this.#stop.abort();
  }
}

/** Upstream hashes the host name alone; here several servers may share a host. */
function identityOf(port: number): ServerIdentity {
  const name = hostname();
  const hash = createHash('sha256').update(`${name}:${port}`).digest().subarray(0, 16);
  return { id: `apiserver-${base32(hash)}`, hostname: name };
}

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function base32(bytes: Uint8Array): string {
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => BASE32[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}

async function assembled(...given: Parameters<typeof assembleApiServer>): Promise<ApiServer> {
  try {
    return await assembleApiServer(...given);
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    throw new CliError('Usage', error.message, 'Mend the configuration of authentication or authorization.', error);
  }
}

/** Made by the build, beside the program; without them `kubectl explain` shows fields and types only. */
async function readDescriptions(): Promise<Descriptions | undefined> {
  try {
    return createDescriptions(JSON.parse(await readFile(new URL('descriptions.json', import.meta.url), 'utf8')));
  } catch {
    return undefined;
  }
}

async function listen(server: ApiServer, parts: ApiServerParts, ctx: Ctx): Promise<RunningHttpsServer> {
  const { host, port, certificate, privateKey, clientCa, frontProxyCa, kubelet, portFlag, connections } = parts;
  try {
    return await startHttpsServer(
      { server, host, port, certificate, privateKey, clientCa, frontProxyCa, kubelet, ...connections },
      ctx,
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EADDRINUSE') {
      const fix = `Stop what holds it (ss -ltnp 'sport = :${port}'), or give another ${portFlag}.`;
      throw new CliError('Host', `port ${port} is in use`, fix, error);
    }
    if (code === 'EACCES') {
      throw new CliError('Host', `port ${port} needs root`, `Run as root, or give a ${portFlag} above 1023.`, error);
    }
    throw error;
  }
}
