/** Reads /proc/self/mountinfo. Pure. Source: proc(5). */

export interface Mount {
  readonly point: string;
  /** What of the file system is mounted there. */
  readonly root: string;
  readonly fsType: string;
  readonly source: string;
}

export function parseMounts(mountinfo: string): readonly Mount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const [, , , root = '', point] = left.split(' ');
    const [fsType = '', source = ''] = right.split(' ');
    return point === undefined ? [] : [{ point: unescapeOctal(point), root: unescapeOctal(root), fsType, source }];
  });
}

/** Where the device's file system is mounted, or the device itself is bound to a file. */
export function mountsOfDevice(mounts: readonly Mount[], device: string): readonly string[] {
  const bound = device.replace(/^\/dev/, '');
  const isOf = ({ source, fsType, root }: Mount) => source === device || (fsType.endsWith('tmpfs') && root === bound);
  return mounts.filter((mount) => isOf(mount) && mount.point !== device).map(({ point }) => point);
}

const unescapeOctal = (text: string) =>
  text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
