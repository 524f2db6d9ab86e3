/** What phase of its life a server is in, and what is yet to do. Source: apiserver/pkg/server/lifecycle_signals.go. */

export interface Lifecycle {
  /** Shutting down has begun: /readyz fails, all else goes on. */
  readonly isShuttingDown: boolean;
  /** New requests are told to go elsewhere. */
  readonly isRefusing: boolean;
  /** Names of what is done once after the start, and whether it is done. */
  readonly startHooks: ReadonlyMap<string, boolean>;
  /** Further checks of health by name: why each fails, undefined where it does not. */
  readonly healthChecks: Map<string, () => string | undefined>;
  /** Adds start hooks: the server is not ready before they are done. */
  expect(names: readonly string[]): void;
  done(name: string): void;
  beginShutdown(): void;
  beginRefusing(): void;
}

export function createLifecycle(): Lifecycle {
  const startHooks = new Map<string, boolean>();
  let isShuttingDown = false;
  let isRefusing = false;
  return {
    startHooks,
    healthChecks: new Map(),
    get isShuttingDown() {
      return isShuttingDown;
    },
    get isRefusing() {
      return isRefusing;
    },
    expect(names) {
      for (const name of names) startHooks.set(name, startHooks.get(name) ?? false);
    },
    done: (name) => void startHooks.set(name, true),
    beginShutdown() {
      isShuttingDown = true;
    },
    beginRefusing() {
      isShuttingDown = true;
      isRefusing = true;
    },
  };
}

export const SHUTTING_DOWN = 'The apiserver is shutting down, please try again later.';
export const SHUTDOWN_RETRY_SECONDS = 5;
const ALWAYS_SERVED = ['/readyz', '/livez', '/healthz', '/metrics'];

/** While the server refuses: probes, metrics and the server's own requests are served on. */
export function isServedInShutdown(path: string, userAgent: string | undefined): boolean {
  return userAgent?.startsWith('kube-apiserver/') === true || ALWAYS_SERVED.some((prefix) => path.startsWith(prefix));
}
