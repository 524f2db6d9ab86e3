/** Reads /proc/<pid>/mountinfo. Source: proc(5). */

export interface MountRow {
  readonly target: string;
  readonly fsType: string;
  readonly superOptions: readonly string[];
}

export function parseMountinfo(text: string): readonly MountRow[] {
  const rows: MountRow[] = [];
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ');
    const target = left.split(' ')[4];
    const [fsType = '', , superOptions = ''] = right.split(' ');
    if (target !== undefined)
      rows.push({ target: unescapePath(target), fsType, superOptions: superOptions.split(',') });
  }
  return rows;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
const unescapePath = (path: string) =>
  path.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Mount points at or below the directories, the last mounted first, so that each can be unmounted in turn. */
export function mountsUnder(mountinfo: string, dirs: readonly string[]): readonly string[] {
  return parseMountinfo(mountinfo)
    .map(({ target }) => target)
    .filter((target) => dirs.some((dir) => target === dir || target.startsWith(`${dir}/`)))
    .reverse();
}

/** Where the hierarchies of cgroups are mounted: one for v2, one per controller for v1. */
export function cgroupMounts(mountinfo: string): readonly string[] {
  return parseMountinfo(mountinfo)
    .filter(({ fsType }) => fsType === 'cgroup' || fsType === 'cgroup2')
    .map(({ target }) => target);
}

export interface CgroupSetup {
  /** 1 also when v2 is mounted beside it without the controllers that matter (hybrid). */
  readonly version: 1 | 2 | undefined;
  readonly controllers: readonly string[];
}

/** Options of a v1 mount that name no controller. */
const NO_CONTROLLER: ReadonlySet<string> = new Set(['rw', 'ro', 'xattr', 'noprefix']);

/** `v2Controllers` is the text of cgroup.controllers at the v2 mount. */
export function cgroupSetup(mountinfo: string, v2Controllers: string): CgroupSetup {
  const rows = parseMountinfo(mountinfo);
  const v1 = rows.filter(({ fsType }) => fsType === 'cgroup').flatMap(({ superOptions }) => superOptions);
  if (v1.includes('memory') || v1.includes('cpu')) {
    return { version: 1, controllers: v1.filter((name) => /^[a-z_]+$/.test(name) && !NO_CONTROLLER.has(name)) };
  }
  if (rows.some(({ fsType }) => fsType === 'cgroup2')) {
    return { version: 2, controllers: v2Controllers.split(/\s+/).filter((name) => name !== '') };
  }
  return { version: undefined, controllers: [] };
}
