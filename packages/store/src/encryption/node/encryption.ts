/** Encryption at rest as a configuration file has it, replaced while the server runs. */
import { type Ctx, childCtx, type Timer } from '@kapella/base';
import { parse } from 'yaml';
import type { Store } from '../../contract.ts';
import {
  type EncryptionConfiguration,
  type NamedKey,
  type Provider,
  parseEncryptionConfiguration,
  parseGroupResource,
} from '../configuration.ts';
import { createEncryptedStore } from '../encrypted-store.ts';
import {
  createPrefixTransformers,
  identityTransformer,
  type PrefixTransformer,
  type Transformer,
} from '../transformer.ts';
import { createCbc, createGcm, createSecretbox } from './ciphers.ts';
import { KmsProvider } from './kms-provider.ts';
import { createKmsService } from './kms-service.ts';

/** Reads under way end before their key services are closed. */
const CLOSE_AFTER_MS = 10_000;

export interface Encryption {
  /** A store for the objects of one resource. */
  storeFor(store: Store, group: string, resource: string): Store;
  /** Takes a new configuration over. Throws Error, and changes nothing, when it cannot be used. */
  reload(text: string): Promise<void>;
  /** What keeps values from being written; undefined: nothing. */
  problem(): Error | undefined;
  /** The same of each KMS provider, in the order of the file. */
  kmsProblems(): readonly (Error | undefined)[];
  close(): void;
}

export interface EncryptionOptions {
  /** The key in the store that a value is bound to, where it is not the object's key itself. */
  readonly contextOf?: (key: string) => string;
}

/** `text`: an EncryptionConfiguration in YAML or JSON. Throws Error naming what is wrong with it. */
export async function createEncryption(text: string, options: EncryptionOptions, ctx: Ctx): Promise<Encryption> {
  let current = await loadSet(text, ctx);
  const stop = new AbortController();
  const own = childCtx(ctx, stop.signal);
  const ending = new Map<TransformerSet, Timer>();
  return {
    storeFor(store, group, resource) {
      const transformer = () => current.transformerFor(group, resource);
      return createEncryptedStore(store, { ...options, transformer });
    },
    async reload(next) {
      const loaded = await loadSet(next, own);
      const problem = loaded.problem();
      if (problem !== undefined) {
        loaded.close();
        throw problem;
      }
      const replaced = current;
      current = loaded;
      const end = () => ending.delete(replaced) && replaced.close();
      ending.set(replaced, ctx.clock.setTimer(CLOSE_AFTER_MS, end));
    },
    problem: () => current.problem(),
    kmsProblems: () => current.kmsProblems(),
    close() {
      stop.abort();
      for (const [replaced, timer] of ending) {
        timer.cancel();
        replaced.close();
      }
      current.close();
    },
  };
}

interface TransformerSet {
  transformerFor(group: string, resource: string): Transformer;
  problem(): Error | undefined;
  kmsProblems(): readonly (Error | undefined)[];
  close(): void;
}

async function loadSet(text: string, ctx: Ctx): Promise<TransformerSet> {
  if (text.trim() === '') throw new Error('the encryption configuration is empty');
  const configuration = parseEncryptionConfiguration(parse(text, { uniqueKeys: true }));
  const services: KmsProvider[] = [];
  const byResource = transformersOf(configuration, services, ctx);
  await Promise.all(services.map((service) => service.start()));
  return {
    transformerFor: (group, resource) =>
      byResource.get(`${resource}.${group}`) ??
      byResource.get(`*.${group}`) ??
      byResource.get('*.*') ??
      identityTransformer,
    problem: () => services.find(({ problem }) => problem !== undefined)?.problem,
    kmsProblems: () => services.map(({ problem }) => problem),
    close() {
      for (const service of services) service.close();
    },
  };
}

/** A resource named by several rules is written by the first and read by all of them. */
function transformersOf(
  { rules }: EncryptionConfiguration,
  services: KmsProvider[],
  ctx: Ctx,
): ReadonlyMap<string, Transformer> {
  const rows = new Map<string, PrefixTransformer[]>();
  for (const { resources, providers } of rules) {
    const transformers = providers.map((provider) => transformerOf(provider, services, ctx));
    for (const name of resources) {
      const { group, resource } = parseGroupResource(name);
      const key = `${resource}.${group}`;
      rows.set(key, [...(rows.get(key) ?? []), ...transformers]);
    }
  }
  return new Map([...rows].map(([name, list]) => [name, createPrefixTransformers(list, 'no matching prefix found')]));
}

const CIPHERS = { aesgcm: createGcm, aescbc: createCbc, secretbox: createSecretbox } as const;

function transformerOf(provider: Provider, services: KmsProvider[], ctx: Ctx): PrefixTransformer {
  if (provider.kind === 'identity') return { prefix: '', transformer: identityTransformer };
  if (provider.kind === 'kms') {
    const { name } = provider.kms;
    const service = new KmsProvider(name, createKmsService(provider.kms), ctx);
    services.push(service);
    return { prefix: `k8s:enc:kms:v2:${name}:`, transformer: service };
  }
  const { kind, keys } = provider;
  const family = kind === 'secretbox' ? 'Secretbox' : 'AES';
  const rows = keys.map((key) => ({ prefix: `${key.name}:`, transformer: CIPHERS[kind](bytesOf(key)) }));
  const noMatch = `no matching key was found for the provided ${family} transformer`;
  return { prefix: `k8s:enc:${kind}:v1:`, transformer: createPrefixTransformers(rows, noMatch) };
}

const bytesOf = ({ secret }: NamedKey): Uint8Array => new Uint8Array(Buffer.from(secret, 'base64'));
