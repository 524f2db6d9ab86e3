/** Encryption at rest by --encryption-provider-config. */
import { readFileSync } from 'node:fs';
import { type Ctx, describeError } from '@kapella/base';
import { CliError, type StoreOptions } from '@kapella/cli';
import type { Store } from '@kapella/store';
import type { Encryption } from '@kapella/store/encryption';

const FLAG = '--encryption-provider-config';
/** Upstream: EncryptionConfigFileChangePollDuration. */
const POLL_MS = 60_000;
const OWN_PREFIX = '/registry';

type EncryptionOptions = Pick<
  StoreOptions,
  'encryptionProviderConfig' | 'encryptionProviderConfigAutomaticReload' | 'etcdPrefix'
>;

interface EncryptionParts {
  readonly storeFor?: (group: string, plural: string) => Store;
  /** By the name of the check: why it fails, undefined where it does not. */
  readonly healthChecks?: ReadonlyMap<string, () => string | undefined>;
}

/** How the stores of resources are to be made; `{}` without the flag. Throws CliError Usage. */
export async function openEncryption(options: EncryptionOptions, store: Store, ctx: Ctx): Promise<EncryptionParts> {
  const path = options.encryptionProviderConfig;
  if (path === '') return {};
  const prefix = `/${options.etcdPrefix.replace(/^\/+|\/+$/g, '')}`;
  const text = readText(path);
  const { createEncryption } = await import('@kapella/store/encryption');
  let encryption: Encryption;
  try {
    // As in upstream, a value is bound to its key in etcd.
    const contextOf = (key: string) => prefix + key.slice(OWN_PREFIX.length);
    encryption = await createEncryption(text, store.backend === 'etcd' ? { contextOf } : {}, ctx);
  } catch (error) {
    const fix = 'Mend the file: docs/how-to/encrypt-at-rest.md has examples.';
    throw new CliError('Usage', `${FLAG} ${path}: ${describeError(error)}`, fix, error);
  }
  ctx.signal.addEventListener('abort', () => encryption.close(), { once: true });
  const reloads = options.encryptionProviderConfigAutomaticReload === 'true';
  if (reloads) follow(encryption, path, text, ctx);
  return {
    storeFor: (group, plural) => encryption.storeFor(store, group, plural),
    healthChecks: kmsChecks(encryption, reloads),
  };
}

/** One for all where the providers may change while the server runs, as upstream names them. */
function kmsChecks(encryption: Encryption, reloads: boolean): ReadonlyMap<string, () => string | undefined> {
  if (reloads) return new Map([['kms-providers', () => encryption.problem()?.message]]);
  const names = encryption.kmsProblems().map((_, i) => `kms-provider-${i}`);
  return new Map(names.map((name, i) => [name, () => encryption.kmsProblems()[i]?.message]));
}

/** What is wrong with a new file is logged once, and the old one stays. */
function follow(encryption: Encryption, path: string, text: string, ctx: Ctx): void {
  ctx.clock.setTimer(POLL_MS, async () => {
    if (ctx.signal.aborted) return;
    let next = text;
    try {
      next = readText(path);
      if (next !== text) {
        await encryption.reload(next);
        ctx.log.info('encryption configuration reloaded', { path });
      }
    } catch (error) {
      ctx.log.error('encryption configuration not reloaded', { path, error: describeError(error) });
    }
    follow(encryption, path, next, ctx);
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError('Usage', `${FLAG} ${path}: ${(error as Error).message}`, 'Give a file that can be read.', error);
  }
}
