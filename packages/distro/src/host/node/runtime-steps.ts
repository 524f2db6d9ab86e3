/** The steps of `kapella up` that give a cluster its container runtime. */
import { access, mkdir } from 'node:fs/promises';
import { PAUSE_IMAGE } from '../containerd-config.ts';
import type { HostStep } from '../step.ts';
import { type ContainerdOptions, isContainerdRunning, startContainerd } from './containerd.ts';
import { importImage, listImages } from './ctr.ts';
import { loadModules, missingModules } from './modules.ts';
import { debianPackagesStep } from './packages-step.ts';
import { writePauseImage } from './pause-image.ts';
import { missingSysctls, writeSysctls } from './sysctls.ts';

/** In the order in which they must run. */
export function hostSteps(options: ContainerdOptions): readonly HostStep[] {
  return [...machineSteps(), runtimeDirectoryStep(options), containerdStep(options), pauseImageStep(options)];
}

/** The first of them: what all clusters of a machine share. */
export function machineSteps(): readonly HostStep[] {
  return [debianPackagesStep(), kernelModulesStep(), sysctlStep()];
}

function kernelModulesStep(): HostStep {
  return {
    name: 'kernel-modules',
    why: 'image layers, Pod interfaces and Service rules need parts of the kernel that may not be loaded yet',
    check: async () => (await missingModules()).length === 0,
    plan: async () => (await missingModules()).map((name) => `modprobe ${name}`),
    apply: async (_ctx, progress) => loadModules(await missingModules(), progress),
  };
}

function sysctlStep(): HostStep {
  return {
    name: 'sysctls',
    why: 'the node passes on the packets of its Pods',
    check: async () => (await missingSysctls()).length === 0,
    plan: async () => (await missingSysctls()).map(({ name, value }) => `sysctl -w ${name}=${value}`),
    apply: async () => writeSysctls(await missingSysctls()),
  };
}

function runtimeDirectoryStep({ paths }: ContainerdOptions): HostStep {
  return {
    name: 'runtime-directories',
    why: 'the runtime keeps images and the state of containers in directories of this cluster alone',
    check: () => exists([paths.rootDir, paths.stateDir, paths.cniConfDir]),
    plan: async () => [`mkdir -p ${paths.rootDir} ${paths.stateDir} ${paths.cniConfDir}`],
    apply: async () => {
      const all = [paths.rootDir, paths.stateDir, paths.cniBinDir, paths.cniConfDir, paths.imagesDir];
      await Promise.all(all.map((dir) => mkdir(dir, { recursive: true })));
    },
  };
}

function containerdStep(options: ContainerdOptions): HostStep {
  const { paths } = options;
  return {
    name: 'containerd',
    why: 'runs the containers of this cluster, apart from any other containerd on the machine',
    check: () => isContainerdRunning(paths),
    plan: async () => [`containerd --config ${paths.configFile}  (in the background, log in ${paths.logFile})`],
    apply: async (ctx) => void (await startContainerd(options, ctx)),
  };
}

function pauseImageStep({ paths, binDir }: ContainerdOptions): HostStep {
  const hasImage = async () => {
    if (!(await isContainerdRunning(paths))) return false;
    return (await listImages({ paths, ...(binDir === undefined ? {} : { binDir }) })).some(
      ({ name }) => name === PAUSE_IMAGE,
    );
  };
  return {
    name: 'pause-image',
    why: 'each Pod has one tiny process that holds its network; its image is built here, no registry is asked',
    check: hasImage,
    plan: async () => [`load ${PAUSE_IMAGE} from ${paths.imagesDir}/pause.tar`],
    apply: async (ctx) => {
      const tar = await writePauseImage(paths.imagesDir);
      await importImage(tar, { paths, signal: ctx.signal, ...(binDir === undefined ? {} : { binDir }) });
    },
  };
}

async function exists(files: readonly string[]): Promise<boolean> {
  try {
    await Promise.all(files.map((file) => access(file)));
    return true;
  } catch {
    return false;
  }
}
