/** Installs the Debian packages that are missing, and only those. */
import { accessSync } from 'node:fs';
import { type Ctx, sleep } from '@kapella/base';
import { aptInstallCommand, HOST_PACKAGES, type HostPackage, missingPackages } from '../packages.ts';
import { HostError, type HostStep, type Progress } from '../step.ts';
import { findCommand, type RunResult, tryRun } from './run.ts';

const APT_ENV = { DEBIAN_FRONTEND: 'noninteractive', APT_LISTCHANGES_FRONTEND: 'none', NEEDRESTART_MODE: 'l' };
const LOCK_RETRIES_MAX = 60;

/** `wanted` defaults to what a node needs. */
export function debianPackagesStep(wanted: readonly HostPackage[] = HOST_PACKAGES): HostStep {
  const missing = () => missingPackages(wanted, { hasCommand: (name) => findCommand(name) !== undefined, hasFile });
  return {
    name: 'debian-packages',
    why: 'containers, Services and Pod networking are run by programs of the operating system',
    check: async () => missing().length === 0,
    plan: async () => {
      const packages = missing();
      if (packages.length === 0) return [];
      const width = Math.max(...packages.map(({ name }) => name.length));
      return [
        aptInstallCommand(packages.map(({ name }) => name)).join(' '),
        ...packages.map(({ name, why }) => `  ${name.padEnd(width)}  ${why}`),
      ];
    },
    apply: (ctx, progress) => installPackages(missing(), ctx, progress),
  };
}

async function installPackages(packages: readonly HostPackage[], ctx: Ctx, progress: Progress): Promise<void> {
  if (packages.length === 0) return;
  const names = packages.map(({ name }) => name);
  const byHand = `apt-get install ${names.join(' ')}`;
  if (process.getuid?.() !== 0) throw new HostError('NotRoot', 'only root can install packages', `sudo ${byHand}`);
  if (findCommand('apt-get') === undefined) {
    throw new HostError(
      'Unsupported',
      'this system has no apt-get',
      `Install by hand what Debian calls: ${names.join(' ')}`,
    );
  }
  // Lists may be absent (a fresh image) or name versions that the mirror no longer has: then once more with new lists.
  let result = (await knowsAll(names)) ? await apt(aptInstallCommand(names), ctx, progress) : undefined;
  if (result?.code !== 0) {
    progress('reading the package lists');
    await apt(['apt-get', 'update'], ctx, progress);
    result = await apt(aptInstallCommand(names), ctx, progress);
  }
  if (result.code !== 0) {
    const said = result.stderr.trim().split('\n').slice(-3).join(' | ');
    throw new HostError('MissingPackage', `apt-get could not install ${names.join(', ')}: ${said}`, byHand);
  }
}

async function knowsAll(names: readonly string[]): Promise<boolean> {
  const { stdout } = await tryRun('apt-cache', ['policy', ...names], { env: { LC_ALL: 'C' } });
  const candidates = stdout.match(/^ {2}Candidate: (?!\(none\))/gm) ?? [];
  return candidates.length === names.length;
}

/** apt waits for dpkg's lock but not for that of the lists: another apt may be at work (unattended upgrades). */
async function apt(command: readonly string[], ctx: Ctx, progress: Progress): Promise<RunResult> {
  const [name = '', ...args] = command;
  for (let tries = 1; ; tries++) {
    const onLine = (line: string) => {
      if (/^(Get:|Unpacking|Setting up|Reading package lists)/.test(line)) progress(line.trim());
    };
    const result = await tryRun(name, args, { env: { ...APT_ENV, LC_ALL: 'C' }, signal: ctx.signal, onLine });
    if (result.code === 0 || tries >= LOCK_RETRIES_MAX || !/Could not get lock|Unable to lock/.test(result.stderr))
      return result;
    progress('waiting for another apt to end');
    await sleep(2000, ctx);
  }
}

/** Exists, of whatever kind. */
export function hasFile(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
