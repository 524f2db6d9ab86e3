/** A namespace of a test cluster, with short ways to write into it and to wait for what becomes of it. */
import type { Event, Pod } from '@kapella/api/types/core-v1';
import { type Api, createApi } from './api.ts';
import { type CommandOptions, type CommandResult, eventually, type TestCluster } from './cluster.ts';

export interface Session {
  readonly cluster: TestCluster;
  readonly api: Api;
  readonly ns: string;
  /** kubectl in the namespace. Throws with all output when it fails. */
  k(args: string, options?: CommandOptions): Promise<string>;
  try(args: string, options?: CommandOptions): Promise<CommandResult>;
  /** `kubectl apply -f -`. */
  apply(...objects: readonly object[]): Promise<void>;
  pod(name: string): Promise<Pod>;
  pods(selector: string): Promise<readonly Pod[]>;
  /** Any object: `get('apps/v1', 'statefulsets', 'db')`. */
  get<T>(apiVersion: string, plural: string, name: string): Promise<T>;
  /** Waits for a state of a Pod; a failure shows its status and events. */
  podUntil(name: string, what: string, isThere: (pod: Pod) => boolean, timeoutMs?: number): Promise<Pod>;
  ready(name: string, timeoutMs?: number): Promise<Pod>;
  /** Waits until the Pod has Succeeded or Failed. */
  finished(name: string, timeoutMs?: number): Promise<Pod>;
  /** Output of a command in a Pod's container, without the last line break. */
  exec(pod: string, command: string, container?: string): Promise<string>;
  events(name: string): Promise<readonly Event[]>;
  /** Waits for an event of an object. */
  eventOf(name: string, reason: string, message?: RegExp, timeoutMs?: number): Promise<Event>;
}

export async function openSession(cluster: TestCluster, prefix: string): Promise<Session> {
  const ns = await cluster.namespace(prefix);
  const session = sessionIn(cluster, ns);
  // A Pod of a namespace whose service account is not there yet is refused.
  await eventually(`${ns} has its service account`, () => session.get('v1', 'serviceaccounts', 'default'));
  return session;
}

/** For a namespace that exists. */
export function sessionIn(cluster: TestCluster, ns: string): Session {
  const api = createApi(cluster.kubeconfig);
  const k = (args: string, options?: CommandOptions) => cluster.kubectl(`-n ${ns} ${args}`, options);
  const pod = (name: string) => api.get<Pod>(`/api/v1/namespaces/${ns}/pods/${name}`);
  const listOf = async <T>(path: string) => (await api.get<{ items: T[] }>(`/api/v1/namespaces/${ns}/${path}`)).items;
  const events = (name: string) =>
    listOf<Event>(`events?fieldSelector=${encodeURIComponent(`involvedObject.name=${name}`)}`);

  async function podUntil(
    name: string,
    what: string,
    isThere: (pod: Pod) => boolean,
    timeoutMs?: number,
  ): Promise<Pod> {
    try {
      return await eventually(
        `Pod ${name} ${what}`,
        async () => {
          const found = await pod(name);
          return isThere(found) && found;
        },
        timeoutMs,
      );
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${await explain(name)}`, { cause: error });
    }
  }

  async function explain(name: string): Promise<string> {
    const status = await pod(name).then((found) => JSON.stringify(found.status), String);
    const seen = await events(name).catch(() => []);
    return [status, ...seen.map(({ reason, message, count }) => `${reason} x${count ?? 1}: ${message}`)].join('\n  ');
  }

  return {
    cluster,
    api,
    ns,
    k,
    pod,
    events,
    podUntil,
    try: (args, options) => cluster.tryKubectl(`-n ${ns} ${args}`, options),
    async apply(...objects) {
      await k('apply -f -', { input: objects.map((object) => JSON.stringify(object)).join('\n---\n') });
    },
    pods: (selector) => listOf<Pod>(`pods?labelSelector=${encodeURIComponent(selector)}`),
    get: (apiVersion, plural, name) =>
      api.get(`/${apiVersion.includes('/') ? 'apis' : 'api'}/${apiVersion}/namespaces/${ns}/${plural}/${name}`),
    ready: (name, timeoutMs) => podUntil(name, 'is Ready', isReady, timeoutMs),
    finished: (name, timeoutMs) =>
      podUntil(name, 'has ended', ({ status }) => /Succeeded|Failed/.test(status?.phase ?? ''), timeoutMs),
    exec: async (name, command, container) =>
      (
        await cluster.kubectl(`-n ${ns} exec ${name} ${container === undefined ? '' : `-c ${container}`} -i -- sh`, {
          input: `${command}\n`,
        })
      ).replace(/\n$/, ''),
    eventOf: (name, reason, message, timeoutMs) =>
      eventually(
        `${name} has an event ${reason}${message === undefined ? '' : ` with ${message}`}`,
        async () => {
          const all = await events(name);
          const found = all.find((event) => event.reason === reason && (message?.test(event.message ?? '') ?? true));
          if (found === undefined) throw new Error(`seen: ${all.map((e) => `${e.reason}: ${e.message}`).join(' | ')}`);
          return found;
        },
        timeoutMs,
      ),
  };
}

export const isReady = (pod: Pod): boolean => conditionOf(pod, 'Ready') === 'True';

export const conditionOf = (pod: Pod, type: string): string | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type)?.status;

/** Status of the container `name`, of any sort. */
export function containerOf(pod: Pod, name = 'main') {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return [...containerStatuses, ...initContainerStatuses].find((status) => status.name === name);
}

export const restartsOf = (pod: Pod, name = 'main'): number => containerOf(pod, name)?.restartCount ?? 0;
