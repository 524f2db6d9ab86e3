/** `kapella snapshot save|restore|status`: all objects of a cluster in one file. */
import { resolve } from 'node:path';
import { type Ctx, describeError } from '@kapella/base';
import { CliError, type ClusterOptions, STORE_DEFAULTS } from '@kapella/cli';
import { KUBERNETES_VERSION } from '@kapella/control-plane';
import type { Store } from '@kapella/store';
import type { SnapshotSummary } from '@kapella/store/snapshot';
import { daemonPid } from '../../host/node/daemon.ts';
import { clusterFiles } from '../../cluster/node/parts.ts';
import { toGiven } from '../../cluster/record.ts';
import { openStore, openWholeStore } from '../../server/node/open-store.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster, unrecordedOptions } from './find-cluster.ts';

const snapshots = () => import('@kapella/store/snapshot');

export async function snapshot(input: CommandInput, ctx: Ctx): Promise<number> {
  const [verb, name = ''] = input.args;
  const path = resolve(input.program.cwd, name);
  try {
    if (verb === 'status') return await status(path, input);
    const options = await optionsOf(input);
    return verb === 'save' ? await save(path, options, input, ctx) : await restore(path, options, input, ctx);
  } catch (error) {
    const { SnapshotError } = await snapshots();
    if (!(error instanceof SnapshotError)) throw error;
    throw new CliError('Failed', error.message, 'Nothing was changed.', error);
  }
}

/** As `kapella server` would run with the same flags. */
async function optionsOf({ given }: CommandInput): Promise<ClusterOptions> {
  const saved = await lookUpCluster(given);
  return unrecordedOptions({ ...(saved === undefined ? {} : toGiven(saved.options)), ...given }, saved !== undefined);
}

async function status(path: string, { reporter }: CommandInput): Promise<number> {
  const { verifySnapshot } = await snapshots();
  const summary = verifySnapshot(path);
  reporter.result({ path, ...summary }, textOf(path, summary));
  return 0;
}

async function save(path: string, options: ClusterOptions, { reporter }: CommandInput, ctx: Ctx): Promise<number> {
  const { clusterItems, openLmdbSnapshot, writeSnapshot } = await snapshots();
  const createdAt = `${new Date(ctx.clock.nowMs()).toISOString().slice(0, 19)}Z`;
  const header = { backend: options.store, createdAt, kubernetesVersion: KUBERNETES_VERSION };
  let summary: SnapshotSummary;
  if (options.store === 'etcd') {
    await using store = disposable(await openWholeStore({ ...STORE_DEFAULTS, ...options }, '', ctx));
    const revision = await store.currentRevision(ctx);
    summary = await writeSnapshot(path, { ...header, revision }, clusterItems(store, revision, ctx));
  } else {
    const source = openEmbedded(options, openLmdbSnapshot);
    summary = await writeSnapshot(path, { ...header, revision: source.revision }, source.items()).finally(source.close);
  }
  reporter.result({ path, ...summary }, `Saved ${textOf(path, summary)}`);
  return 0;
}

async function restore(path: string, options: ClusterOptions, { reporter }: CommandInput, ctx: Ctx): Promise<number> {
  const { replaceAll, restoreLmdb, snapshotItems, verifySnapshot } = await snapshots();
  // All of it is read before anything changes.
  const summary = verifySnapshot(path);
  if (options.store === 'memory') throw memoryStore();
  if (options.store === 'etcd') {
    await using store = disposable(await openStore({ ...STORE_DEFAULTS, ...options }, '', ctx));
    await replaceAll(store, snapshotItems(path), ctx);
    const revision = await store.currentRevision(ctx);
    reporter.result(
      { path, ...summary, restoredRevision: revision },
      `Restored into ${options.etcdEndpoints}: ${textOf(path, summary)}`,
    );
    return 0;
  }
  const directory = `${options.dataDir}/store`;
  await refuseRunning(options, directory);
  const { revision, replaced } = await restoreLmdb(directory, summary.revision, snapshotItems(path));
  const kept = replaced === undefined ? '' : `\nWhat was there before is kept in ${replaced}`;
  const text = `Restored into ${directory}: ${textOf(path, summary)}\nRevisions go on from ${revision}.${kept}`;
  reporter.result({ path, ...summary, restoredRevision: revision, replaced }, text);
  return 0;
}

async function refuseRunning(options: ClusterOptions, directory: string): Promise<void> {
  const { lmdbUsers } = await snapshots();
  const { pidFile } = clusterFiles(options.name, options.dataDir);
  const pid = (await daemonPid(pidFile.server)) ?? lmdbUsers(directory)[0];
  if (pid === undefined) return;
  const message = `the server of this cluster runs (process ${pid}): a snapshot is restored into a stopped one`;
  throw new CliError('Usage', message, `Stop it first: kapella down --name ${options.name}, or end that process.`);
}

function openEmbedded<T>(options: ClusterOptions, open: (directory: string) => T): T {
  if (options.store === 'memory') throw memoryStore();
  const directory = `${options.dataDir}/store`;
  try {
    return open(directory);
  } catch (error) {
    throw new CliError('Failed', describeError(error), 'Give the --name or --data-dir of a cluster.', error);
  }
}

function disposable(store: Store): Store & AsyncDisposable {
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

function memoryStore(): CliError {
  return new CliError('Usage', 'the memory store has no snapshots', 'Use --store lmdb or etcd.');
}

function textOf(
  path: string,
  { keys, revision, sizeBytes, createdAt, backend, kubernetesVersion, checksum }: SnapshotSummary,
): string {
  return [
    `${path}: ${keys} keys at revision ${revision}`,
    `  taken      ${createdAt} from ${backend}, Kubernetes ${kubernetesVersion}`,
    `  size       ${sizeBytes} bytes`,
    `  SHA-256    ${checksum} (checked)`,
  ].join('\n');
}
