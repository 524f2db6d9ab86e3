/** Just enough of RFC 7396 and RFC 6902 for the fake API; a strategic patch is taken as a merge patch. */

export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch;
  const base = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {};
  const result = new Map<string, unknown>(Object.entries(base));
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, applyMergePatch(result.get(key), value));
  }
  return Object.fromEntries(result);
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly value?: unknown;
}

export function applyJsonPatch(target: any, operations: readonly Operation[]): any {
  const result = structuredClone(target);
  for (const { op, path, value } of operations) {
    const steps = path.split('/').slice(1).map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = steps.pop() ?? '';
    const parent = steps.reduce((at: any, step) => at[step], result);
    if (op === 'test') {
      if (JSON.stringify(parent[last]) !== JSON.stringify(value)) throw new Error(`test failed at ${path}`);
    } else if (op === 'remove') {
      if (Array.isArray(parent)) parent.splice(Number(last), 1);
      else delete parent[last];
    } else if (Array.isArray(parent) && op === 'add') {
      if (last === '-') parent.push(value);
      else parent.splice(Number(last), 0, value);
    } else parent[last] = value;
  }
  return result;
}
