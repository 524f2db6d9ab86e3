/** The containerd process of one cluster: configured, started in the background, waited for, stopped. */
import { mkdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { type Ctx, sleep } from '@kapella/base';
import { containerdConfig, hostsToml, type RegistryMirror } from '../containerd-config.ts';
import type { RuntimePaths } from '../paths.ts';
import { HostError } from '../step.ts';
import { type DaemonSpec, daemonPid, startDaemon, stopDaemon } from './daemon.ts';
import { readText, writeIfChanged } from './files.ts';
import { readRuntimeFacts } from './facts.ts';
import { getrlimitNofile } from './limits.ts';
import { findCommand, hostEnv, run } from './run.ts';

const SOCKET_WAIT_MS_MAX = 30_000;
const STOP_GRACE_MS = 10_000;

export interface ContainerdOptions {
  readonly paths: RuntimePaths;
  readonly mirrors?: readonly RegistryMirror[];
  readonly cgroupDriver?: 'cgroupfs' | 'systemd';
  /** Absolute path; the one on the path when absent. */
  readonly command?: string;
  /** Directory searched before the path, for a containerd that is not installed. */
  readonly binDir?: string;
  /** Put before the command, for a node in a network of its own. */
  readonly prefix?: readonly string[];
}

export interface ContainerdVersion {
  readonly major: 1 | 2;
  /** `1.6.20~ds1` */
  readonly text: string;
}

/** `containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1` */
export function parseContainerdVersion(text: string): ContainerdVersion | undefined {
  const match = /^containerd \S+ v?((\d+)\.\S+)/.exec(text);
  const major = Number(match?.[2]);
  return match === null || (major !== 1 && major !== 2) ? undefined : { major, text: match[1] as string };
}

export async function containerdVersion(command: string): Promise<ContainerdVersion> {
  const { stdout } = await run(command, ['--version']);
  const version = parseContainerdVersion(stdout);
  if (version !== undefined) return version;
  throw new HostError(
    'Unsupported',
    `unknown version of containerd: ${stdout.trim()}`,
    'Install containerd 1.6 or later.',
  );
}

/** Writes the configuration and the mirrors. True when the configuration differs from what the last start read. */
export async function writeContainerdConfig(options: ContainerdOptions): Promise<boolean> {
  const { paths } = options;
  const [version, facts] = await Promise.all([containerdVersion(commandOf(options)), readRuntimeFacts()]);
  const directories = [
    paths.rootDir,
    paths.stateDir,
    paths.certsDir,
    paths.cniBinDir,
    paths.cniConfDir,
    paths.imagesDir,
  ];
  await Promise.all(directories.map(makeDirectory));
  for (const mirror of options.mirrors ?? []) {
    await writeIfChanged(`${paths.certsDir}/${mirror.host}/hosts.toml`, hostsToml(mirror));
  }
  const text = containerdConfig({
    paths,
    major: version.major,
    canLowerOomScore: facts.canLowerOomScore,
    hasAppArmor: facts.hasAppArmor,
    cgroupDriver: options.cgroupDriver ?? 'cgroupfs',
    snapshotter: facts.hasOverlay ? 'overlayfs' : 'native',
  });
  return writeIfChanged(paths.configFile, text);
}

async function makeDirectory(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const fix = code === 'EACCES' ? 'sudo kapella up' : 'Choose another directory: --data-dir';
    throw new HostError(
      code === 'EACCES' ? 'NotRoot' : 'CommandFailed',
      `directory ${dir} cannot be made (${code})`,
      fix,
      cause,
    );
  }
}

function commandOf({ command, binDir }: ContainerdOptions): string {
  const found = command ?? (binDir === undefined ? findCommand('containerd') : `${binDir}/containerd`);
  if (found !== undefined) return found;
  throw new HostError('MissingPackage', 'containerd is not installed', 'apt-get install containerd');
}

/** Starts containerd unless it runs, and returns its pid once its socket answers. */
export async function startContainerd(options: ContainerdOptions, ctx: Ctx): Promise<number> {
  const { paths } = options;
  const running = await daemonPid(paths.pidFile);
  if (running !== undefined && (await canConnect(paths.socket))) return running;
  await writeContainerdConfig(options);
  // A socket file of a process that was killed answers nothing, but hides that the new one is not there yet.
  if (running === undefined)
    await Promise.all([paths.socket, paths.ttrpcSocket].map((path) => rm(path, { force: true })));
  const logSize = (await readText(paths.logFile))?.length ?? 0;
  const pid = running ?? (await startDaemon(daemonSpec(options)));
  await waitForSocket(paths, pid, logSize, ctx);
  ctx.log.info('containerd started', { pid, socket: paths.socket });
  return pid;
}

function daemonSpec(options: ContainerdOptions): DaemonSpec {
  const { paths, binDir } = options;
  const containerd = [commandOf(options), '--config', paths.configFile];
  // Containers inherit the limit of open files; what a login shell has is too low for servers.
  const hardMax = getrlimitNofile();
  const prlimit = findCommand('prlimit');
  const args =
    prlimit === undefined || hardMax === undefined
      ? containerd
      : [prlimit, `--nofile=${hardMax}:${hardMax}`, ...containerd];
  const [command = '', ...rest] = [...(options.prefix ?? []), ...args];
  const env: Record<string, string> = binDir === undefined ? {} : { PATH: `${binDir}:${hostEnv()['PATH'] ?? ''}` };
  return { command, args: rest, pidFile: paths.pidFile, logFile: paths.logFile, env };
}

async function waitForSocket(paths: RuntimePaths, pid: number, logFrom: number, ctx: Ctx): Promise<void> {
  const deadline = ctx.clock.monotonicMs() + SOCKET_WAIT_MS_MAX;
  while (!(await canConnect(paths.socket))) {
    const dead = (await daemonPid(paths.pidFile)) !== pid;
    if (dead || ctx.clock.monotonicMs() > deadline) {
      if (!dead) await stopDaemon(paths.pidFile, STOP_GRACE_MS, ctx); // nothing half-left
      const why = lastErrors(((await readText(paths.logFile)) ?? '').slice(logFrom));
      const what = dead ? 'containerd ended while starting' : `containerd does not answer on ${paths.socket}`;
      throw new HostError('RuntimeFailed', why === '' ? what : `${what}: ${why}`, `See ${paths.logFile}`);
    }
    await sleep(10, ctx);
  }
}

/** The last complaints in a log of containerd, one line. */
export function lastErrors(log: string): string {
  const lines = log.split('\n').filter((line) => /level=(fatal|error)|^containerd: |panic:/.test(line));
  return lines
    .slice(-2)
    .map((line) => /msg="((?:[^"\\]|\\.)*)"/.exec(line)?.[1] ?? line)
    .join('; ');
}

export function canConnect(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Ends containerd; containers go on running under their shims. True when it ran. */
export async function stopContainerd(paths: RuntimePaths, ctx: Ctx): Promise<boolean> {
  const stopped = await stopDaemon(paths.pidFile, STOP_GRACE_MS, ctx);
  await Promise.all([paths.socket, paths.ttrpcSocket].map((path) => rm(path, { force: true })));
  return stopped;
}

/** Whether containerd of these paths runs and answers. */
export async function isContainerdRunning(paths: RuntimePaths): Promise<boolean> {
  return (await daemonPid(paths.pidFile)) !== undefined && (await canConnect(paths.socket));
}
