/** What a test cluster can be asked for, and what it then is. */
import type { KubeObject } from '@kapella/api';
import type { UserInfo } from '@kapella/apiserver';
import type { Ctx, LogRecord } from '@kapella/base';
import type { Client } from '@kapella/client';
import type { Controller, ControllerDeps, Webhook } from '@kapella/controller';
import type { Fleet, HollowBehaviour, HollowNodeOptions, Network } from '@kapella/simulator';

/** Makes one controller of the program under test. */
export type ControllerFactory = (deps: ControllerDeps) => Controller;

export interface HollowNodes {
  readonly count: number;
  readonly behaviour?: HollowBehaviour;
  /** Stages as kwok has them, in YAML: they take the place of the Pod lifecycle, or of the nodes' statuses. */
  readonly stages?: string;
  /** false: nodes write no Events of what happens to Pods, as kwok's write none. Absent: they do, as real agents. */
  readonly events?: boolean;
  /** What sets the node of this number apart from the others. */
  readonly node?: (index: number) => Partial<HollowNodeOptions>;
}

/** Nodes that run the real Pod lifecycle over a runtime that runs nothing. */
export function hollow(count: number, options: Omit<HollowNodes, 'count'> = {}): HollowNodes {
  return { count, ...options };
}

export interface TestClusterOptions {
  /**
   * Controllers of the program under test, and names of built-in ones as in kube-controller-manager's `--controllers`;
   * `'*'` stands for all of those. Absent: with `nodes` all built-in ones, else none, as in envtest.
   */
  readonly controllers?: readonly (string | ControllerFactory)[];
  /** Absent: with `nodes`. */
  readonly scheduler?: boolean;
  readonly nodes?: HollowNodes;
  /** CustomResourceDefinitions: served when the promise resolves. */
  readonly crds?: readonly object[];
  /** Called in this process, without a socket. */
  readonly webhooks?: readonly Webhook[];
  /** `virtual` (default): time stands still but for `advance` and `eventually`. */
  readonly clock?: 'virtual' | 'real';
  /** `https`: also on a port of 127.0.0.1, for kubectl and clients in other languages. */
  readonly transport?: 'memory' | 'https';
  /** Chooses names, uids and every other chance. Virtual clock only; absent: 1. */
  readonly seed?: number;
  /** Where a virtual clock begins; absent: 2026-01-01T00:00:00Z. */
  readonly startTime?: Date | string;
  /** Told of what the cluster logs; absent: kept in `logs` only. */
  readonly onLog?: (record: LogRecord) => void;
}

/** One request that the server has answered. */
export interface RequestRecord {
  readonly atMs: number;
  readonly user: string;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly status: number;
}

export interface EventuallyOptions {
  /** How much time may pass, virtual or real: `'30s'`. Absent: one minute virtual, ten seconds real. */
  readonly within?: string | number;
}

export interface TestCluster extends AsyncDisposable {
  /** May do everything. */
  readonly client: Client;
  /** For calls of `client`. */
  readonly ctx: Ctx;
  /** YAML for kubectl. Throws without `transport: 'https'`. */
  readonly kubeconfig: string;
  /** Faults between everyone and the API server: `faults.add({ when, times, answer })`, `faults.dropWatches()`, … */
  readonly faults: Network;
  /** Every request answered so far, oldest first; the oldest go beyond 20,000. */
  readonly requests: readonly RequestRecord[];
  /** What the cluster logged, oldest first; the oldest go beyond 2,000. */
  readonly logs: readonly LogRecord[];
  /** Present with `nodes`. */
  readonly nodes: Fleet | undefined;
  /** A client as someone with just the rights that RBAC gives. */
  clientAs(user: UserInfo): Client;
  /** Lets this much time pass: `'2h'`, or milliseconds. Virtual clock only. */
  advance(time: string | number): Promise<void>;
  /** Lets everything that can go on now go on, without moving time. */
  settle(): Promise<void>;
  /** Lets time pass until `probe` answers something other than undefined or false; answers that. */
  eventually<T>(
    what: string,
    probe: () => Promise<T | undefined | false> | T | undefined | false,
    options?: EventuallyOptions,
  ): Promise<T>;
  /** Creates or replaces objects, in their order, by server-side apply. */
  apply(...objects: readonly (object | KubeObject)[]): Promise<void>;
  /** What the store holds now. Any number of clusters can begin from it. */
  snapshot(): Promise<ClusterSnapshot>;
  /** A cluster of its own that begins with what this one holds now; `options` as far as they differ. */
  fork(options?: TestClusterOptions): Promise<TestCluster>;
  /** Ends everything; nothing stays open. Idempotent. */
  stop(): Promise<void>;
}

export interface ClusterSnapshot {
  /** A cluster of its own that begins with this. Its node agents and controllers begin anew. */
  start(options?: TestClusterOptions): Promise<TestCluster>;
}
