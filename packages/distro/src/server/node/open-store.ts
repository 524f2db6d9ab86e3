/** The store of a server from its options: files read, reached, and refused in words that say what to do. */
import { readFileSync } from 'node:fs';
import { type Ctx, describeError } from '@kapella/base';
import { CliError, type StoreOptions } from '@kapella/cli';
import type { Store } from '@kapella/store';
import { type EtcdOptions, parseEndpoint, storeBackends } from '@kapella/store/node';

/** To be served or saved: an etcd that a restore has not ended in is refused. Else as `openStore`. */
export async function openWholeStore(options: StoreOptions, directory: string, ctx: Ctx): Promise<Store> {
  const store = await openStore(options, directory, ctx);
  if (store.embedded) return store;
  const { unfinishedRestore } = await import('@kapella/store/snapshot');
  const since = await unfinishedRestore(store, ctx);
  if (since === undefined) return store;
  await store.close();
  throw new CliError(
    'Failed',
    `etcd at ${options.etcdEndpoints} holds a cluster that is restored only in part: a restore began at ${since} and has not ended`,
    'Wait for it, or do it again to its end: kapella snapshot restore FILE with the same --etcd flags.',
  );
}

/** `directory`: where an embedded store keeps its files. Throws CliError. */
export async function openStore(options: StoreOptions, directory: string, ctx: Ctx): Promise<Store> {
  const backend = storeBackends.find(({ name }) => name === options.store);
  if (backend === undefined) {
    const names = storeBackends.map(({ name }) => name).join(', ');
    throw new CliError('Usage', `--store ${options.store}: no such store`, `Use one of ${names}.`);
  }
  if (backend.name !== 'etcd') return backend.open({ directory }, ctx);
  const etcd = etcdOptions(options);
  try {
    return await backend.open({ directory, etcd }, ctx);
  } catch (error) {
    const fix = 'Check --etcd-endpoints, the certificates and the user: etcdctl with the same must be able to read.';
    throw new CliError('Host', `etcd at ${options.etcdEndpoints}: ${describeError(error)}`, fix, error);
  }
}

/** Throws CliError Usage naming the flag. */
export function etcdOptions(options: StoreOptions): EtcdOptions {
  const endpoints = options.etcdEndpoints.split(',').filter((text) => text !== '');
  try {
    endpoints.map(parseEndpoint);
  } catch (error) {
    throw new CliError('Usage', (error as Error).message, 'Give --etcd-endpoints https://HOST:2379,…', error);
  }
  const [ca, certificate, key] = [
    readFlagFile('--etcd-cafile', options.etcdCafile),
    readFlagFile('--etcd-certfile', options.etcdCertfile),
    readFlagFile('--etcd-keyfile', options.etcdKeyfile),
  ];
  const password = readFlagFile('--etcd-password-file', options.etcdPasswordFile)?.replace(/\r?\n$/, '');
  return {
    endpoints,
    prefix: options.etcdPrefix,
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(certificate === undefined ? {} : { certificate }),
      ...(key === undefined ? {} : { key }),
    },
    ...(password === undefined ? {} : { auth: { user: options.etcdUser, password } }),
  };
}

function readFlagFile(flag: string, path: string): string | undefined {
  if (path === '') return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError('Usage', `${flag} ${path}: ${(error as Error).message}`, 'Give a file that can be read.', error);
  }
}
