/** Reads how mounts spread out of /proc/self/mountinfo. Source: proc(5). */

/** Whether the mount that `path` is on spreads to its peers. */
export function isSharedAt(mountinfo: string, path: string): boolean {
  let best = { point: '', shared: false };
  for (const line of mountinfo.split('\n')) {
    const [left = ''] = line.split(' - ');
    const [, , , , rawPoint, , ...optional] = left.split(' ');
    if (rawPoint === undefined) continue;
    const point = rawPoint.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
    const covers = point === '/' || path === point || path.startsWith(`${point}/`);
    // The last of several on one point is the one that is seen.
    if (covers && point.length >= best.point.length) {
      best = { point, shared: optional.some((field) => field.startsWith('shared:')) };
    }
  }
  return best.shared;
}
