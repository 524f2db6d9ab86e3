/** One watch of Pods for all hollow nodes of a process, handed out by node. */
import { coreV1, type KindRef } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import type { Cache, Informer, InformerHandler } from '@kapella/client';
import type { ObjectCache } from '@kapella/kubelet';

export interface PodFeed {
  /** The Pods of one node, as its own watch would tell of them. */
  ofNode(node: string): Pick<Informer<Pod>, 'subscribe' | 'synced'>;
  /** All Pods of one node. */
  podsOf(node: string): Iterable<Pod>;
  byUid(node: string, uid: string): Pod | undefined;
  byIp(node: string, ip: string): Pod | undefined;
  containerOf(node: string, containerId: string): { readonly pod: Pod; readonly container: Container } | undefined;
  /** The shared objects, telling this node of changes to what its own Pods refer to. */
  objectsOf(node: string, shared: ObjectCache): ObjectCache;
}

interface NodePods {
  readonly pods: Map<string, Pod>;
  readonly handlers: Set<InformerHandler<Pod>>;
}

export function createPodFeed(cache: Cache): PodFeed {
  return new SharedFeed(cache.informer<Pod>(coreV1.Pod));
}

class SharedFeed implements PodFeed {
  readonly #informer: Informer<Pod>;
  readonly #nodes = new Map<string, NodePods>();
  /** Who is told of changed objects, by node. */
  readonly #listeners = new Map<string, (owners: readonly string[]) => void>();
  /** By the uid of a Pod that refers to objects. */
  readonly #nodeOfOwner = new Map<string, string>();

  constructor(informer: Informer<Pod>) {
    this.#informer = informer;
    informer.subscribe({
      add: (pod) => this.#put(pod),
      update: (pod) => this.#put(pod),
      delete: (pod) => this.#delete(pod),
    });
  }

  ofNode(node: string): Pick<Informer<Pod>, 'subscribe' | 'synced'> {
    return {
      synced: (ctx: Ctx) => this.#informer.synced(ctx),
      subscribe: (handler) => {
        const { pods, handlers } = this.#of(node);
        handlers.add(handler);
        for (const pod of pods.values()) handler.add?.(pod);
        return () => handlers.delete(handler);
      },
    };
  }

  podsOf(node: string): Iterable<Pod> {
    return this.#nodes.get(node)?.pods.values() ?? [];
  }

  byUid(node: string, uid: string): Pod | undefined {
    return this.#nodes.get(node)?.pods.get(uid);
  }

  byIp(node: string, ip: string): Pod | undefined {
    for (const pod of this.#nodes.get(node)?.pods.values() ?? []) if (pod.status?.podIP === ip) return pod;
    return undefined;
  }

  containerOf(node: string, containerId: string) {
    for (const pod of this.#nodes.get(node)?.pods.values() ?? []) {
      const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
      const statuses = [...containerStatuses, ...initContainerStatuses];
      const status = statuses.find(({ containerID }) => containerID?.endsWith(`//${containerId}`));
      const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
      const container = all.find(({ name }) => name === status?.name);
      if (container !== undefined) return { pod, container };
    }
    return undefined;
  }

  objectsOf(node: string, shared: ObjectCache): ObjectCache {
    shared.onChange((owners) => this.#tell(owners));
    return {
      acquire: (kind: KindRef<unknown>, namespace: string, name: string, owner: string) => {
        this.#nodeOfOwner.set(owner, node);
        shared.acquire(kind, namespace, name, owner);
      },
      release: (owner) => {
        this.#nodeOfOwner.delete(owner);
        shared.release(owner);
      },
      get: (kind, namespace, name, ctx) => shared.get(kind, namespace, name, ctx),
      peek: (kind, namespace, name) => shared.peek(kind, namespace, name),
      onChange: (fn) => void this.#listeners.set(node, fn),
    };
  }

  #of(node: string): NodePods {
    const known = this.#nodes.get(node);
    if (known !== undefined) return known;
    const made: NodePods = { pods: new Map(), handlers: new Set() };
    this.#nodes.set(node, made);
    return made;
  }

  #put(pod: Pod): void {
    const { nodeName } = pod.spec;
    if (!nodeName) return;
    const { pods, handlers } = this.#of(nodeName);
    const old = pods.get(pod.metadata.uid);
    pods.set(pod.metadata.uid, pod);
    for (const handler of handlers) {
      if (old === undefined) handler.add?.(pod);
      else handler.update?.(pod, old);
    }
  }

  #delete(pod: Pod): void {
    const { nodeName } = pod.spec;
    if (!nodeName) return;
    const { pods, handlers } = this.#of(nodeName);
    pods.delete(pod.metadata.uid);
    for (const handler of handlers) handler.delete?.(pod);
  }

  #tell(owners: readonly string[]): void {
    const byNode = new Map<string, string[]>();
    for (const owner of owners) {
      const node = this.#nodeOfOwner.get(owner);
      if (node === undefined) continue;
      byNode.set(node, [...(byNode.get(node) ?? []), owner]);
    }
    for (const [node, uids] of byNode) this.#listeners.get(node)?.(uids);
  }
}
