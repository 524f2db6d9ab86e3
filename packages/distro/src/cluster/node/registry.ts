/** Clusters of this machine: `/var/lib/kapella/<name>`, a directory or a link to the one that was chosen. */
import { lstat, mkdir, readdir, realpath, rm, rmdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CliError } from '@kapella/cli';
import { readText, writeFileAtomic } from '../../host/node/files.ts';
import { type ClusterRecord, formatRecord, parseRecord, RECORD_FILE, REGISTRY_DIR } from '../record.ts';

/** What Kapella itself puts into a data directory: never counted as someone else's. */
const OWN_ENTRIES = new Set([
  ...['admin.kubeconfig', 'cluster.json', 'cni', 'containerd', 'etc', 'images', 'logs', 'node', 'opt', 'pki', 'store'],
  ...['server', 'data', 'tokens', 'audit', 'nodes'],
]);

export async function readRecord(dataDir: string): Promise<ClusterRecord | undefined> {
  return parseRecord(await readText(join(dataDir, RECORD_FILE)));
}

/** The record of a cluster by name, wherever its data is. */
export async function findRecord(name: string, registryDir = REGISTRY_DIR): Promise<ClusterRecord | undefined> {
  return readRecord(join(registryDir, name));
}

export async function listRecords(registryDir = REGISTRY_DIR): Promise<readonly ClusterRecord[]> {
  const names = await readdir(registryDir).catch(() => []);
  const found = await Promise.all(names.map((name) => findRecord(name, registryDir)));
  return found.filter((record) => record !== undefined);
}

/** Writes the record, and the link under which its name is found. Throws CliError Usage when the name is taken. */
export async function saveRecord(record: ClusterRecord, registryDir = REGISTRY_DIR): Promise<void> {
  const { name, dataDir } = record.options;
  await mkdir(dataDir, { recursive: true });
  const entry = join(registryDir, name);
  const target = await realpath(entry).catch(() => undefined);
  if (target === undefined) {
    await mkdir(registryDir, { recursive: true });
    await rm(entry, { force: true }); // a link to a directory that is gone
    await symlink(dataDir, entry);
  } else if (target !== (await realpath(dataDir))) {
    const fix = `Choose another --name, or remove that cluster: kapella reset --name ${name} --yes`;
    throw new CliError('Usage', `there is a cluster ${name} in ${target} already`, fix);
  }
  await writeFileAtomic(join(dataDir, RECORD_FILE), formatRecord(record));
}

/** Entries that were in the directory before Kapella. */
export async function foreignEntries(dataDir: string): Promise<readonly string[]> {
  return (await readdir(dataDir).catch(() => [])).filter((name) => !OWN_ENTRIES.has(name));
}

/** Everything but what is to be kept, then the link. Returns what was removed. */
export async function removeData(
  name: string,
  dataDir: string,
  keep: readonly string[],
  registryDir = REGISTRY_DIR,
): Promise<readonly string[]> {
  const removed: string[] = [];
  const entries = await readdir(dataDir).catch(() => undefined);
  for (const entry of entries ?? []) {
    if (keep.includes(entry)) continue;
    await rm(join(dataDir, entry), { recursive: true, force: true });
    if (keep.length > 0) removed.push(join(dataDir, entry));
  }
  if (entries !== undefined && keep.length === 0) {
    await rmdir(dataDir);
    removed.push(dataDir);
  }
  const link = join(registryDir, name);
  if ((await lstat(link).catch(() => undefined))?.isSymbolicLink() === true) {
    await rm(link);
    removed.push(link);
  }
  await rmdir(dirname(link)).catch(() => {}); // other clusters are in it
  return removed;
}
