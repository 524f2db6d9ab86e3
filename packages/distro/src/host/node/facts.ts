/** What this machine can do, as far as the runtime's configuration depends on it. */
import { accessSync } from 'node:fs';
import { CAPABILITY, hasCapability } from '../capabilities.ts';
import { readText } from './files.ts';
import { findCommand, tryRun } from './run.ts';

export interface RuntimeFacts {
  readonly canLowerOomScore: boolean;
  readonly hasAppArmor: boolean;
  readonly hasOverlay: boolean;
}

export async function readRuntimeFacts(): Promise<RuntimeFacts> {
  const [status, appArmor, hasOverlay] = await Promise.all([
    readText('/proc/self/status'),
    readText('/sys/module/apparmor/parameters/enabled'),
    hasFilesystem('overlay'),
  ]);
  return {
    canLowerOomScore: hasCapability(status ?? '', CAPABILITY.SYS_RESOURCE),
    // containerd's own test: without the parser no profile can be loaded.
    hasAppArmor: appArmor?.trim() === 'Y' && findCommand('apparmor_parser') !== undefined,
    hasOverlay,
  };
}

/** A filesystem that is a module is listed only once it is loaded. */
export async function hasFilesystem(name: string): Promise<boolean> {
  const listed = async () => new RegExp(`\\b${name}$`, 'm').test((await readText('/proc/filesystems')) ?? '');
  if (await listed()) return true;
  if (!hasModules()) return false;
  await tryRun('modprobe', [name]);
  return listed();
}

function hasModules(): boolean {
  try {
    accessSync('/proc/modules');
    return findCommand('modprobe') !== undefined;
  } catch {
    return false;
  }
}
