/** An API server with its port, from what its host gives: shared by `kapella server` and the drop-in kube-apiserver. */
import { readFile } from 'node:fs/promises';
import { createDescriptions, type Descriptions } from '@kapella/api';
import type { AdmissionPlugin, ApiServer } from '@kapella/apiserver';
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
  assembleApiServer,
  type ServerLimits,
  type ShutdownOptions,
} from '@kapella/control-plane';
import type { Store } from '@kapella/store';
import { addProcessMetrics } from './process-metrics.ts';

export type { AuthorizationMode };

export interface ApiServerParts {
  readonly store: Store;
  readonly tokens: ServiceAccountTokens;
  readonly anonymous: boolean;
  readonly authentication?: AuthenticationParts;
  readonly jwksUri?: string | undefined;
  /** Asked in this order. */
  readonly authorizationModes: readonly AuthorizationMode[];
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
    const server = await assembleApiServer(
      {
        ...rest,
        ...(audit === undefined ? {} : { audit }),
        ...(limits === undefined ? {} : { limits }),
        serverAddress: `127.0.0.1:${parts.port}`,
        caller: createHttpCaller(),
        dialer: createConnectDialer(parts.kubelet),
        descriptions: readDescriptions,
      },
      own,
    );
    const https = await listen(server, parts, own);
    addProcessMetrics(server.metrics);
    return { server, port: https.port, close: () => shutDown(server, https, parts.shutdown, stop, own) };
  } catch (error) {
    stop.abort();
    throw error;
  }
}

/** Source: apiserver/pkg/server/genericapiserver.go, the order of its shutdown. */
async function shutDown(
  server: ApiServer,
  https: RunningHttpsServer,
  { delayMs, sendRetryAfter }: ShutdownOptions = { delayMs: 0, sendRetryAfter: false },
  stop: AbortController,
  ctx: Ctx,
): Promise<void> {
  server.lifecycle.beginShutdown();
  if (delayMs > 0) await sleep(delayMs, ctx);
  if (sendRetryAfter) server.lifecycle.beginRefusing();
  await https.close();
  await server.auditor?.close();
  server.close();
  stop.abort();
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
  const { host, port, certificate, privateKey, clientCa, kubelet, portFlag, connections } = parts;
  try {
    return await startHttpsServer(
      { server, host, port, certificate, privateKey, clientCa, kubelet, ...connections },
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
