/** Where a kubeconfig of this server leads: webhooks are configured by one. Source: client-go/tools/clientcmd. */
import { parse } from 'yaml';
import type { OutboundTls } from './http-caller.ts';

export interface KubeconfigTarget {
  readonly url: string;
  readonly tls: OutboundTls;
  /** Of each request, as a token may be a file that changes. Throws Error. */
  headers(): Readonly<Record<string, string>>;
}

/** Reads a file that the kubeconfig names; relative names are relative to the kubeconfig. Throws Error. */
export type ReadFile = (path: string) => string;

interface Named {
  readonly name?: string;
}

interface Cluster {
  readonly server?: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
  readonly 'tls-server-name'?: string;
}

interface User {
  readonly 'client-certificate'?: string;
  readonly 'client-certificate-data'?: string;
  readonly 'client-key'?: string;
  readonly 'client-key-data'?: string;
  readonly token?: string;
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
  readonly exec?: object;
  readonly 'auth-provider'?: object;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly (Named & { readonly context?: { readonly cluster?: string; readonly user?: string } })[];
  readonly clusters?: readonly (Named & { readonly cluster?: Cluster })[];
  readonly users?: readonly (Named & { readonly user?: User })[];
}

/** Throws Error where it is none, or says what this server does not do; never with a secret in it. */
export function readKubeconfig(text: string, readFile: ReadFile): KubeconfigTarget {
  const config = (parse(text) ?? {}) as Kubeconfig;
  const current = config['current-context'] ?? '';
  const context = find(config.contexts, current)?.context;
  if (current !== '' && context === undefined) {
    throw new Error(`invalid configuration: context was not found for specified context: ${current}`);
  }
  // As upstream: without a context, the only cluster and the only user are meant.
  const cluster = (find(config.clusters, context?.cluster ?? '') ?? only(config.clusters, context))?.cluster;
  const user = (find(config.users, context?.user ?? '') ?? only(config.users, context))?.user ?? {};
  const server = cluster?.server ?? '';
  if (cluster === undefined || server === '') throw new Error('invalid configuration: no server found for cluster');
  if (!/^https?:\/\//.test(server)) throw new Error(`the server ${JSON.stringify(server)} is no http or https URL`);
  if (user.exec !== undefined || user['auth-provider'] !== undefined) {
    throw new Error(
      'exec and auth-provider users are not served in kubeconfigs of webhooks: use a certificate or a token',
    );
  }
  return { url: server, tls: tlsOf(cluster, user, readFile), headers: () => headersOf(user, readFile) };
}

function find<T extends Named>(list: readonly T[] | undefined, name: string): T | undefined {
  return list?.find((item) => item.name === name);
}

function only<T>(list: readonly T[] | undefined, context: object | undefined): T | undefined {
  return context === undefined && list?.length === 1 ? list[0] : undefined;
}

function tlsOf(cluster: Cluster, user: User, readFile: ReadFile): OutboundTls {
  const ca = dataOrFile(cluster['certificate-authority-data'], cluster['certificate-authority'], readFile);
  const certificate = dataOrFile(user['client-certificate-data'], user['client-certificate'], readFile);
  const privateKey = dataOrFile(user['client-key-data'], user['client-key'], readFile);
  if ((certificate === undefined) !== (privateKey === undefined)) {
    throw new Error('invalid configuration: client-certificate and client-key must be specified together');
  }
  const serverName = cluster['tls-server-name'];
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(certificate === undefined || privateKey === undefined ? {} : { certificate, privateKey }),
    ...(serverName ? { serverName } : {}),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecure: true } : {}),
  };
}

function dataOrFile(data: string | undefined, path: string | undefined, readFile: ReadFile): string | undefined {
  if (data) return new TextDecoder().decode(Uint8Array.from(atob(data), (char) => char.charCodeAt(0)));
  return path ? readFile(path) : undefined;
}

function headersOf({ token, tokenFile, username, password }: User, readFile: ReadFile): Record<string, string> {
  const bearer = tokenFile ? readFile(tokenFile).trim() : token;
  if (bearer) return { authorization: `Bearer ${bearer}` };
  if (!username) return {};
  const bytes = new TextEncoder().encode(`${username}:${password ?? ''}`);
  return { authorization: `Basic ${btoa(String.fromCharCode(...bytes))}` };
}
