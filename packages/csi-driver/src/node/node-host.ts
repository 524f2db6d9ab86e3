/** NodeHost by losetup, mkfs, mount and cryptsetup of util-linux, xfsprogs, e2fsprogs and cryptsetup. */
import { existsSync } from 'node:fs';
import { lstat, mkdir, readFile, realpath, rm, rmdir, statfs, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CsiError } from '@kapella/csi';
import { mountsOfDevice, parseMounts } from '../mounts.ts';
import type { NodeHost } from '../node-service.ts';
import { command, CommandError } from './command.ts';

const NOTHING_FOUND = 2; // blkid
const DEVICE_MAPPER = '/dev/mapper/control';

export function createNodeHost(): NodeHost {
  return {
    loopOf,
    attachLoop: async (image) => (await command('losetup', ['--find', '--show', image])).trim(),
    detachLoop: async (device) => void (await command('losetup', ['--detach', device])),
    refreshLoop: async (device) => void (await command('losetup', ['--set-capacity', device])),
    openEncrypted,
    async closeEncrypted(name) {
      if (existsSync(`/dev/mapper/${name}`)) await command('cryptsetup', ['close', name]);
    },
    growEncrypted: async (name, key) => void (await command('cryptsetup', ['resize', '--key-file=-', name], key)),
    fsTypeOf: (device) => probe(device, 'TYPE'),
    async makeFs(device, fsType) {
      await command(`mkfs.${fsType}`, fsType === 'xfs' ? ['-q', device] : ['-q', '-F', device]);
    },
    async mount(device, path, fsType, options) {
      await mkdir(path, { recursive: true, mode: 0o750 });
      await command('mount', ['-t', fsType, ...(options.length > 0 ? ['-o', options.join(',')] : []), device, path]);
    },
    bind,
    isMounted,
    mountPointsOf: async (device) => mountsOfDevice(await mounts(), device),
    unmount,
    async removeTarget(path) {
      await unmount(path);
      const found = await lstat(path).catch(() => undefined);
      // Never what is in it: a mount that came back meanwhile must not lose its files.
      if (found?.isDirectory() === true) await rmdir(path);
      else if (found !== undefined) await rm(path);
    },
    growFs,
    exists: async (path) => (await lstat(path).catch(() => undefined)) !== undefined,
    async usage(path) {
      const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
      return {
        bytes: { total: blocks * bsize, used: (blocks - bfree) * bsize, available: bavail * bsize },
        inodes: { total: files, used: files - ffree, available: ffree },
      };
    },
  };
}

async function loopOf(image: string): Promise<string | undefined> {
  const list = await command('losetup', ['--noheadings', '--output', 'NAME', '--associated', image]);
  return list.trim().split('\n')[0]?.trim() || undefined;
}

async function probe(device: string, tag: string): Promise<string> {
  try {
    return (await command('blkid', ['-p', '-s', tag, '-o', 'value', device])).trim();
  } catch (error) {
    if (error instanceof CommandError && error.code === NOTHING_FOUND) return '';
    throw error;
  }
}

async function openEncrypted(device: string, name: string, passphrase: string): Promise<string> {
  if (!existsSync(DEVICE_MAPPER)) {
    throw new CsiError('FailedPrecondition', 'this kernel has no device-mapper, which LUKS needs: /dev/mapper/control');
  }
  const mapped = `/dev/mapper/${name}`;
  if (existsSync(mapped)) return mapped;
  const present = await probe(device, 'TYPE');
  if (present !== '' && present !== 'crypto_LUKS') {
    throw new CsiError('FailedPrecondition', `the volume holds ${present}, and is not encrypted`);
  }
  if (present === '') await command('cryptsetup', ['luksFormat', '-q', '--key-file=-', device], passphrase);
  await command('cryptsetup', ['open', '--key-file=-', device, name], passphrase);
  return mapped;
}

async function bind(source: string, target: string, isReadOnly: boolean, isDevice: boolean): Promise<void> {
  if (await isMounted(target)) return;
  if (isDevice) {
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    await writeFile(target, '', { flag: 'a' });
  } else {
    await mkdir(target, { recursive: true, mode: 0o750 });
  }
  await command('mount', ['--bind', source, target]);
  if (!isReadOnly || isDevice) return;
  try {
    await command('mount', ['-o', 'remount,bind,ro', target]);
  } catch (error) {
    await unmount(target); // a volume that was to be read-only must not be left writable
    throw error;
  }
}

const mounts = async () => parseMounts(await readFile('/proc/self/mountinfo', 'utf8'));

async function isMounted(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => undefined);
  return real !== undefined && (await mounts()).some(({ point }) => point === real);
}

async function unmount(path: string): Promise<void> {
  while (await isMounted(path)) await command('umount', [path]);
}

async function growFs(path: string, device: string): Promise<void> {
  const fsType = await probe(device, 'TYPE');
  if (fsType === 'xfs') await command('xfs_growfs', ['-d', path]);
  else if (fsType === 'ext4') await command('resize2fs', [device]);
}
