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

export function applyJsonPatch(target: unknown, operations: readonly Operation[]): unknown {
  const result = structuredClone(target);
  for (const operation of operations) applyOne(result, operation);
  return result;
}

type Container = Record<string, unknown> | unknown[];

function applyOne(root: unknown, { op, path, value }: Operation): void {
  const steps = path
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = steps.pop() ?? '';
  const parent = steps.reduce((at: unknown, step) => (at as Record<string, unknown>)[step], root) as Container;
  if (Array.isArray(parent)) applyToList(parent, op, last, value);
  else if (op === 'remove') delete parent[last];
  else if (op !== 'test') parent[last] = value;
  else if (JSON.stringify(parent[last]) !== JSON.stringify(value)) throw new Error(`test failed at ${path}`);
}

function applyToList(list: unknown[], op: string, at: string, value: unknown): void {
  const index = at === '-' ? list.length : Number(at);
  if (op === 'remove') list.splice(index, 1);
  else if (op === 'add') list.splice(index, 0, value);
  else if (op === 'replace') list[index] = value;
  else if (JSON.stringify(list[index]) !== JSON.stringify(value)) throw new Error(`test failed at ${at}`);
}
