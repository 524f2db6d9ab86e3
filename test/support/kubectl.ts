/** kubectl 1.36 for tests and users: from a later Debian suite, unpacked, not installed. */
import { run } from '@kapella/distro/host/node';
import { DEFAULT_CACHE_DIR, debianProgram } from '@kapella/tools/images';

const SUITE = 'forky';
/** Upstream supports one minor version of skew on either side; the suite moves on. */
const VERSIONS = /^v1\.3[567]\./;

/** Path of a kubectl, `.cache/bin/kubectl`; some seconds the first time, then at once. */
export async function ensureKubectl(cacheDir = DEFAULT_CACHE_DIR): Promise<string> {
  return debianProgram({ package: 'kubectl', path: '/usr/bin/kubectl', suite: SUITE, cacheDir, accept: checkVersion });
}

async function checkVersion(path: string): Promise<void> {
  const { stdout } = await run(path, ['version', '--client', '--output=json']);
  const { gitVersion } = (JSON.parse(stdout) as { clientVersion: { gitVersion: string } }).clientVersion;
  if (!VERSIONS.test(gitVersion))
    throw new Error(`${SUITE} now has kubectl ${gitVersion}; wanted 1.36, give or take one`);
}
