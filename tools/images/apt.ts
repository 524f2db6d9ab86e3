/** Debian packages as files: resolved, downloaded and unpacked without installing anything, also from a later suite. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run, tryRun } from '@kapella/distro/host/node';

export interface AptOptions {
  /** Holds lists and unpacked trees; may be deleted at any time. */
  readonly cacheDir: string;
  /** `forky`. Without it: what the system itself installs from. */
  readonly suite?: string;
}

export interface DebianPackage {
  readonly name: string;
  readonly version: string;
}

export interface Apt {
  /** `names` and all they depend on, as on an empty machine. Recommended packages are left out. */
  resolve(names: readonly string[]): Promise<readonly DebianPackage[]>;
  /** One tree with the files of all packages. Unpacked once; the path depends on the versions. */
  unpack(packages: readonly DebianPackage[]): Promise<string>;
  /** Same for packages whose own files suffice. */
  unpackOnly(names: readonly string[]): Promise<string>;
}

/** Lists older than this are read again before a package is looked up. */
const LISTS_AGE_MS_MAX = 24 * 3600 * 1000;

export async function openApt({ cacheDir, suite }: AptOptions): Promise<Apt> {
  const lists = suite === undefined ? await systemLists() : await ownLists(`${cacheDir}/apt/${suite}`, suite);
  // Nothing is installed, as far as this apt can see: what the machine has must not decide what an image gets.
  const options = [...lists, '-o', 'Dir::State::status=/dev/null', '-o', 'APT::Sandbox::User=root'];
  const apt = {
    resolve: (names: readonly string[]) => resolvePackages(names, options),
    unpack: (packages: readonly DebianPackage[]) => unpackPackages(packages, options, cacheDir),
    async unpackOnly(names: readonly string[]) {
      const all = await Promise.all(names.map((name) => candidateOf(name, options)));
      return apt.unpack(all);
    },
  };
  return apt;
}

async function systemLists(): Promise<readonly string[]> {
  const { stdout } = await run('apt-cache', ['policy', 'libc6'], { env: { LC_ALL: 'C' } });
  // A fresh image has no lists; what dpkg knows of an installed version has no origin.
  if (!/^\s+\d+ \w+:\/\//m.test(stdout)) await run('apt-get', ['update']);
  return [];
}

/** An apt with lists and a cache of its own: the system's stay as they are, and never see the other suite. */
async function ownLists(dir: string, suite: string): Promise<readonly string[]> {
  const source = await systemMirror();
  await mkdir(`${dir}/lists/partial`, { recursive: true });
  await mkdir(`${dir}/cache/archives/partial`, { recursive: true });
  await writeFile(`${dir}/sources.list`, `deb ${source.signedBy}${source.uri} ${suite} main\n`);
  const options = [
    '-o',
    `Dir::Etc::sourcelist=${dir}/sources.list`,
    '-o',
    'Dir::Etc::sourceparts=/dev/null',
    '-o',
    `Dir::State::lists=${dir}/lists`,
    '-o',
    `Dir::Cache=${dir}/cache`,
    // Translations and contents are not needed.
    '-o',
    'Acquire::Languages=none',
  ];
  const stamp = `${dir}/updated`;
  const age = Date.now() - ((await stat(stamp).catch(() => undefined))?.mtimeMs ?? 0);
  if (age > LISTS_AGE_MS_MAX) {
    // Several test files may come here at once, and apt does not wait for the lock of its lists.
    await run('flock', [`${dir}/lock`, 'apt-get', '-o', 'APT::Sandbox::User=root', ...options, 'update']);
    await writeFile(stamp, '');
  }
  return options;
}

interface Mirror {
  readonly uri: string;
  /** `[signed-by=…] ` or empty. */
  readonly signedBy: string;
}

/** The mirror from which this system has its main packages, as its administrator configured it. */
async function systemMirror(): Promise<Mirror> {
  const codename = /^VERSION_CODENAME=(\w+)/m.exec(await readFile('/etc/os-release', 'utf8'))?.[1];
  const format = '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(SIGNED_BY)';
  const { stdout } = await run('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  const rows = stdout.split('\n').map((line) => line.split('|'));
  const row = rows.find(([, release, component]) => release === codename && component === 'main');
  const uri = row?.[0];
  if (uri === undefined) throw new Error(`no source of apt offers ${codename} main; see /etc/apt/sources.list.d`);
  const key = row?.[3] ?? '';
  const keyring = key.startsWith('/') ? key : '/usr/share/keyrings/debian-archive-keyring.gpg';
  return { uri, signedBy: `[signed-by=${keyring}] ` };
}

/** On a machine where nothing is installed apt's own solver gives the whole closure, and says in which version. */
async function resolvePackages(
  names: readonly string[],
  options: readonly string[],
): Promise<readonly DebianPackage[]> {
  const simulate = ['-s', '-o', 'Debug::NoLocking=1'];
  const args = [...options, ...simulate, 'install', '--no-install-recommends', ...names];
  const { stdout } = await run('apt-get', args, { env: { LC_ALL: 'C' } });
  return [...stdout.matchAll(/^Inst (\S+) \((\S+) /gm)].map(([, name = '', version = '']) => ({ name, version }));
}

async function candidateOf(name: string, options: readonly string[]): Promise<DebianPackage> {
  const { stdout } = await run('apt-cache', [...options, 'policy', name], { env: { LC_ALL: 'C' } });
  const version = /^ {2}Candidate: (\S+)/m.exec(stdout)?.[1];
  if (version === undefined || version === '(none)') throw new Error(`apt knows no package ${name}`);
  return { name, version };
}

async function unpackPackages(
  packages: readonly DebianPackage[],
  options: readonly string[],
  cacheDir: string,
): Promise<string> {
  const ids = packages.map(({ name, version }) => `${name}=${version}`).sort();
  const key = createHash('sha256').update(ids.join(' ')).digest('hex').slice(0, 16);
  const tree = `${cacheDir}/trees/${key}`;
  if ((await stat(tree).catch(() => undefined)) !== undefined) return tree;
  await mkdir(`${cacheDir}/trees`, { recursive: true });
  // A directory of its own also for two who unpack the same at once in one process.
  const work = await mkdtemp(`${tree}.tmp-`);
  await mkdir(`${work}/debs`);
  await mkdir(`${work}/tree`);
  try {
    const args = [...options, 'download', ...ids];
    await run('apt-get', args, { cwd: `${work}/debs` });
    for (const file of (await readdir(`${work}/debs`)).sort()) {
      await run('dpkg-deb', ['-x', join(work, 'debs', file), `${work}/tree`]);
    }
    const moved = await rename(`${work}/tree`, tree).then(
      () => true,
      () => false,
    );
    if (!moved && (await stat(tree).catch(() => undefined)) === undefined) throw new Error(`cannot write ${tree}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return tree;
}

/** Whether this system can do all that: Debian or a relative. */
export async function hasApt(): Promise<boolean> {
  return (await tryRun('apt-get', ['--version'])).code === 0;
}
