/** Numbers that stand for endpoints in the affinity maps: an endpoint keeps its number while others come and go. */

/** Below it are the results of the random choice, so the two never meet in one map. */
const ID_MIN = 0x1_0000;

/** One number for each name, the same for the same name whatever its neighbours (but for rare collisions). */
export function stickyIds(names: readonly string[]): readonly number[] {
  const taken = new Set<number>();
  return names.map((name) => {
    let id = hash(name);
    while (id < ID_MIN || taken.has(id)) id = (id + 0x9e37_79b1) >>> 0;
    taken.add(id);
    return id;
  });
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x0100_0193) >>> 0;
  return value;
}
