/** Loads the kernel modules of a node. A container without modules of its own has them from its host, or not at all. */
import { readdir } from 'node:fs/promises';
import { release } from 'node:os';
import { KERNEL_MODULES } from '../kernel.ts';
import { HostError, type Progress } from '../step.ts';
import { readText } from './files.ts';
import { findCommand, tryRun } from './run.ts';

/** Those of KERNEL_MODULES that this kernel has as modules and has not loaded. */
export async function missingModules(): Promise<readonly string[]> {
  const dir = `/lib/modules/${release()}`;
  const [loaded, builtin, available] = await Promise.all([
    readText('/proc/modules'),
    readText(`${dir}/modules.builtin`),
    readdir(dir).catch(() => []),
  ]);
  if (loaded === undefined || available.length === 0 || findCommand('modprobe') === undefined) return [];
  const loadedNames = new Set(loaded.split('\n').map((line) => line.split(' ')[0]));
  const isBuiltin = (name: string) => new RegExp(`/${name.replaceAll('_', '[-_]')}\\.ko`).test(builtin ?? '');
  return KERNEL_MODULES.filter((name) => !loadedNames.has(name) && !isBuiltin(name));
}

export async function loadModules(names: readonly string[], progress: Progress): Promise<void> {
  for (const name of names) {
    progress(`modprobe ${name}`);
    const result = await tryRun('modprobe', [name]);
    if (result.code === 0) continue;
    const fix = 'Install the kernel package of the distribution, or reboot if the kernel was just updated.';
    throw new HostError('Unsupported', `kernel module ${name} cannot be loaded: ${result.stderr.trim()}`, fix);
  }
}
