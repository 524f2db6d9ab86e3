/** How to reach an etcd cluster: what kube-apiserver's --etcd-* flags say, with the files read. */

export const ETCD_PREFIX = '/registry';

export interface EtcdOptions {
  /** `https://host:2379`, `http://host:2379` or `host:2379`; tried in turn. */
  readonly endpoints: readonly string[];
  /** Replaces `/registry` at the head of every key. */
  readonly prefix?: string;
  /** PEM. `certificate` and `key` identify this client to the servers. */
  readonly tls?: { readonly ca?: string; readonly certificate?: string; readonly key?: string };
  readonly auth?: { readonly user: string; readonly password: string };
}

export interface Endpoint {
  readonly secure: boolean;
  /** `host:port`, an IPv6 host in brackets. */
  readonly address: string;
  readonly text: string;
}

/** Throws Error saying what is wrong with which endpoint. */
export function parseEndpoint(text: string): Endpoint {
  const match = /^(?:(https?):\/\/)?(\[[0-9a-fA-F:.]+\]|[^/:[\]\s]+)(?::(\d{1,5}))?\/?$/.exec(text.trim());
  if (match === null) throw new Error(`etcd endpoint ${JSON.stringify(text)} is no URL such as https://host:2379`);
  const [, scheme = 'http', host, port = '2379'] = match;
  return { secure: scheme === 'https', address: `${host}:${port}`, text: `${scheme}://${host}:${port}` };
}

/** Between the keys of this program and those in etcd. */
export interface KeySpace {
  /** In etcd. Of '' the key that all others follow. */
  outer(key: string): string;
  /** undefined: a key of somebody else. */
  inner(key: string): string | undefined;
}

export function createKeySpace(prefix: string = ETCD_PREFIX): KeySpace {
  const root = `/${prefix.replace(/^\/+|\/+$/g, '')}/`;
  const own = `${ETCD_PREFIX}/`;
  if (root === own)
    return { outer: (key) => (key === '' ? own : key), inner: (key) => (key.startsWith(own) ? key : undefined) };
  return {
    outer: (key) => root + key.slice(own.length),
    inner: (key) => (key.startsWith(root) ? own + key.slice(root.length) : undefined),
  };
}

/** Watch progress can be asked for, and comes in order with events, from these versions on. Source: etcd issue 15220. */
export function hasOrderedProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 25;
  if (minor === 5) return patch >= 8;
  return minor > 5;
}
