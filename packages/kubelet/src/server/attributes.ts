/** What a request to the node agent must be allowed to do. Source: kubernetes pkg/kubelet/server/auth.go. */

export interface NodeAttributes {
  readonly verb: string;
  /** Subresources of `nodes`; the right to any of them is enough. */
  readonly subresources: readonly string[];
}

const VERBS: ReadonlyMap<string, string> = new Map([
  ['POST', 'create'],
  ['GET', 'get'],
  ['PUT', 'update'],
  ['PATCH', 'patch'],
  ['DELETE', 'delete'],
]);

/** Narrow rights before the wide one, that old roles give. */
const FINE: readonly (readonly [path: string, subresource: string])[] = [
  ['/pods', 'pods'],
  ['/healthz', 'healthz'],
  ['/configz', 'configz'],
  ['/runningpods', 'pods'],
];
const OWN: readonly (readonly [path: string, subresource: string])[] = [
  ['/stats', 'stats'],
  ['/metrics', 'metrics'],
  ['/logs', 'log'],
  ['/checkpoint', 'checkpoint'],
  ['/statusz', 'statusz'],
  ['/flagz', 'configz'],
];

const isAtOrBelow = (path: string, root: string) => path === root || path.startsWith(`${root}/`);

/** `path` without its query. */
export function attributesOf(method: string, path: string): NodeAttributes {
  const fine = FINE.find(([root]) => isAtOrBelow(path, root))?.[1];
  const own = OWN.find(([root]) => isAtOrBelow(path, root))?.[1] ?? 'proxy';
  return { verb: VERBS.get(method) ?? '', subresources: fine === undefined ? [own] : [fine, own] };
}
