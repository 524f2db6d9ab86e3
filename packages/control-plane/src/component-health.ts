/** What ComponentStatus tells. Source: kubernetes pkg/registry/core/{componentstatus/validator.go,rest/storage_core.go}. */
import type { HttpCaller } from '@kapella/apiserver';
import { type Ctx, describeError } from '@kapella/base';
import type { ComponentHealth, ComponentVerdict } from '@kapella/resources';
import type { Store } from '@kapella/store';

/** Where upstream's own components answer for themselves, on the same machine. */
const PORTS: ReadonlyMap<string, number> = new Map([
  ['controller-manager', 10_257],
  ['scheduler', 10_259],
]);
const STORE = 'etcd-0';
const PROBE_KEY = '/registry/health';
const PROBE_MS_MAX = 20_000;
const ANSWER_BYTES_MAX = 10_240;
const OK: ComponentVerdict = { status: 'True', message: 'ok' };

export interface ComponentRegister extends ComponentHealth {
  /** The component runs in this process, or stands by in it, until what is returned is called. */
  enter(name: 'scheduler' | 'controller-manager'): () => void;
}

/** A component that does not run in this process is asked at upstream's port. */
export function createComponentHealth(store: Store, caller: HttpCaller): ComponentRegister {
  const running = new Map<string, number>();
  const change = (name: string, by: number) => running.set(name, (running.get(name) ?? 0) + by);
  return {
    names: [...PORTS.keys(), STORE],
    enter(name) {
      change(name, 1);
      return () => change(name, -1);
    },
    async check(name, ctx) {
      if (name === STORE) return probeStore(store, ctx);
      return (running.get(name) ?? 0) > 0 ? OK : probePort(PORTS.get(name) ?? 0, caller, ctx);
    },
  };
}

async function probeStore(store: Store, ctx: Ctx): Promise<ComponentVerdict> {
  try {
    await store.get(PROBE_KEY, ctx);
    return OK;
  } catch (error) {
    return { status: 'False', error: describeError(error) };
  }
}

async function probePort(port: number, caller: HttpCaller, ctx: Ctx): Promise<ComponentVerdict> {
  const url = `https://127.0.0.1:${port}/healthz`;
  try {
    const tls = { insecure: true };
    const limits = { timeoutMs: PROBE_MS_MAX, bytesMax: ANSWER_BYTES_MAX };
    const { status, body } = await caller({ method: 'GET', url, headers: {}, tls, ...limits }, ctx);
    const message = new TextDecoder().decode(body);
    return status >= 200 && status < 400
      ? { status: 'True', message }
      : { status: 'False', message: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { status: 'False', message: `Get "${url}": ${reasonOf(error, port)}` };
  }
}

/** In Go's words where nobody listens, which is the common case. */
function reasonOf(error: unknown, port: number): string {
  const text = describeError(error);
  return text.includes('ECONNREFUSED') ? `dial tcp 127.0.0.1:${port}: connect: connection refused` : text;
}
