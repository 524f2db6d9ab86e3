/** The table of proxy backends. Loaded on demand: a backend may need a host. */

export const proxyBackends = {
  memory: () => import('./memory/memory.backend.ts'),
} as const;
export type BackendName = keyof typeof proxyBackends;
