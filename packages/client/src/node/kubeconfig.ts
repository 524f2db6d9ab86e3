/** Reads a kubeconfig file. Source: client-go/tools/clientcmd. */
import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parse } from 'yaml';
import type { HttpsTransportOptions } from '../transports/https/node/https-transport.ts';

const TOKEN_REREAD_MS = 60_000;

export interface LoadedKubeconfig {
  readonly transport: HttpsTransportOptions;
  /** Namespace of the context, 'default' when it names none. */
  readonly namespace: string;
  readonly context: string;
}

type Section = Readonly<Record<string, unknown>>;

/** `context` overrides current-context. Throws one clear line when something is missing. */
export async function loadKubeconfig(path: string, context?: string): Promise<LoadedKubeconfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new Error(`kubeconfig ${path} cannot be read`, { cause });
  }
  return parseKubeconfig(text, path, context);
}

export async function parseKubeconfig(text: string, path: string, context?: string): Promise<LoadedKubeconfig> {
  const file = (parse(text) ?? {}) as Section;
  const contextName = context ?? str(file['current-context']);
  if (contextName === undefined) throw new Error(`kubeconfig ${path} has no current-context`);
  const chosen = pick(file, 'contexts', 'context', contextName, path);
  const cluster = pick(file, 'clusters', 'cluster', str(chosen.cluster) ?? '', path);
  const userName = str(chosen.user);
  const user = userName === undefined || userName === '' ? {} : pick(file, 'users', 'user', userName, path);
  const base = dirname(path);
  const server = str(cluster.server);
  if (server === undefined) throw new Error(`kubeconfig ${path}: the cluster of context ${contextName} has no server`);
  if (user.exec !== undefined || user['auth-provider'] !== undefined) {
    throw new Error(`kubeconfig ${path}: credential plugins are not supported; use a certificate or a token`);
  }
  const transport: HttpsTransportOptions = {
    server,
    ca: await dataOrFile(cluster, 'certificate-authority', base),
    cert: await dataOrFile(user, 'client-certificate', base),
    key: await dataOrFile(user, 'client-key', base),
    token: tokenOf(user, base),
    serverName: str(cluster['tls-server-name']),
    insecure: cluster['insecure-skip-tls-verify'] === true,
  };
  return { transport, namespace: str(chosen.namespace) ?? 'default', context: contextName };
}

function pick(file: Section, list: string, member: string, name: string, path: string): Section {
  const entries = Array.isArray(file[list]) ? (file[list] as Section[]) : [];
  const entry = entries.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`kubeconfig ${path}: no ${member} named ${JSON.stringify(name)}`);
  return (entry[member] ?? {}) as Section;
}

async function dataOrFile(section: Section, name: string, base: string): Promise<Uint8Array | undefined> {
  const data = str(section[`${name}-data`]);
  if (data !== undefined && data !== '') return Buffer.from(data, 'base64');
  const file = str(section[name]);
  if (file === undefined || file === '') return undefined;
  try {
    return await readFile(resolve(base, file));
  } catch (cause) {
    throw new Error(`${name} ${file} cannot be read`, { cause });
  }
}

function tokenOf(user: Section, base: string): (() => string | undefined) | undefined {
  const file = str(user.tokenFile);
  const fixed = str(user.token);
  if (file === undefined || file === '') return fixed === undefined ? undefined : () => fixed;
  let read = { token: fixed, atMs: Number.NEGATIVE_INFINITY };
  return () => {
    if (performance.now() - read.atMs > TOKEN_REREAD_MS) {
      read = { token: readFileSync(resolve(base, file), 'utf8').trim(), atMs: performance.now() };
    }
    return read.token;
  };
}

const str = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
