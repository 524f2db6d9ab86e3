/** What a cloud does for a cluster, to be implemented once a cloud. Source: cloud-provider/cloud.go (LoadBalancer, Routes, InstancesV2). */
import type { LoadBalancerStatus, Node, NodeAddress, Service } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';

/** A part that is absent is not supported: its controllers do not run. */
export interface CloudProvider {
  /** Head of its provider IDs: `name://…`. */
  readonly name: string;
  readonly loadBalancer?: LoadBalancer;
  readonly routes?: Routes;
  readonly instances?: Instances;
}

/** Objects are read only. Anything thrown is told on the Service and tried again, from 5 s up to 5 min apart. */
export interface LoadBalancer {
  /** Undefined: there is none. */
  get(service: Service, ctx: Ctx): Promise<LoadBalancerStatus | undefined>;
  /** Makes it or brings it up to date; answers where it is reached. `RetryAfterError`: ask again after a fixed time. */
  ensure(service: Service, nodes: readonly Node[], ctx: Ctx): Promise<LoadBalancerStatus>;
  /** The nodes it leads to have changed. */
  update(service: Service, nodes: readonly Node[], ctx: Ctx): Promise<void>;
  /** Also when only parts of it are left, or nothing. */
  ensureDeleted(service: Service, ctx: Ctx): Promise<void>;
}

export interface Route {
  readonly name: string;
  readonly targetNode: string;
  readonly destinationCidr: string;
  /** Leads nowhere: it is deleted. */
  readonly isBlackhole?: boolean;
}

export interface Routes {
  list(ctx: Ctx): Promise<readonly Route[]>;
  /** `nameHint`: the node's uid. */
  create(route: Omit<Route, 'name'>, nameHint: string, ctx: Ctx): Promise<void>;
  delete(route: Route, ctx: Ctx): Promise<void>;
}

export interface Instances {
  /** False: the Node object is deleted. An instance that is shut down exists. */
  exists(node: Node, ctx: Ctx): Promise<boolean>;
  isShutDown(node: Node, ctx: Ctx): Promise<boolean>;
  metadata(node: Node, ctx: Ctx): Promise<InstanceMetadata>;
}

/** Zone and region are of the Zones interface in older providers. */
export interface InstanceMetadata {
  readonly providerId: string;
  readonly instanceType?: string;
  readonly addresses: readonly NodeAddress[];
  readonly zone?: string;
  readonly region?: string;
  readonly additionalLabels?: Readonly<Record<string, string>>;
}

/** The cloud is still at it: asking again sooner is no use. */
export class RetryAfterError extends Error {
  override readonly name = 'RetryAfterError';
  readonly afterMs: number;

  constructor(message: string, afterMs: number) {
    super(message);
    this.afterMs = afterMs;
  }
}
