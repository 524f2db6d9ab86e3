/** /var/lib/kubelet, by which manifests of CSI drivers, device plugins and node tools know a node agent's directory. */
import { lstat, readlink, rm, stat, symlink } from 'node:fs/promises';

export const KUBELET_DIR = '/var/lib/kubelet';

/**
 * Makes it a link to `dataDir` unless it is someone else's: of a kubelet, or of another node on this machine. Answers the
 * name that drivers are told: the link where it is ours, else `dataDir` itself.
 */
export async function claimKubeletDir(dataDir: string, link = KUBELET_DIR): Promise<string> {
  const found = await lstat(link).catch(() => undefined);
  if (found === undefined || (found.isSymbolicLink() && !(await leadsSomewhere(link)))) {
    await rm(link, { force: true });
    await symlink(dataDir, link);
    return link;
  }
  return found.isSymbolicLink() && (await readlink(link)) === dataDir ? link : dataDir;
}

/** True when it was there, and ours. */
export async function releaseKubeletDir(dataDir: string, link = KUBELET_DIR): Promise<boolean> {
  const target = await readlink(link).catch(() => undefined);
  if (target !== dataDir) return false;
  await rm(link);
  return true;
}

const leadsSomewhere = async (link: string) => (await stat(link).catch(() => undefined)) !== undefined;
