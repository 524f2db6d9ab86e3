/** What one API server lets run at once and for how long, from its flags. */
import {
  type ApiServer,
  type ApiServerOptions,
  createFlowControl,
  type MetricsRegistry,
  READS_MAX,
  WRITES_MAX,
} from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { runFlowControl } from './bootstrap/flow-control.ts';
import { clientFor, MASTER } from './control-plane.ts';

export interface ServerLimits {
  /** --enable-priority-and-fairness; default true. */
  readonly priorityAndFairness?: boolean;
  /** --max-requests-inflight; default 400. */
  readonly readsMax?: number;
  /** --max-mutating-requests-inflight; default 200. */
  readonly writesMax?: number;
  /** --request-timeout, in milliseconds; default 60,000. */
  readonly requestMsMax?: number;
  /** --min-request-timeout, in milliseconds; default 1,800,000. */
  readonly watchMsMin?: number;
  /** --event-ttl, in seconds; default 3,600. */
  readonly eventTtlSeconds?: number;
  /** --feature-gates=CBORServingAndStorage=true; default false. */
  readonly cbor?: boolean;
  /** --profiling; default true. */
  readonly profiling?: boolean;
}

export interface ShutdownOptions {
  /** How long all goes on as ever after /readyz has begun to fail, so that load balancers take notice. */
  readonly delayMs: number;
  /** New requests after that are told to come again elsewhere, while those under way end. */
  readonly sendRetryAfter: boolean;
}

export function limitOptions(
  limits: ServerLimits,
  metrics: MetricsRegistry,
  ctx: Ctx,
): Pick<ApiServerOptions, 'cbor' | 'flowControl' | 'inflight' | 'requestMsMax' | 'watchMsMin'> {
  const {
    priorityAndFairness = true,
    readsMax = READS_MAX,
    writesMax = WRITES_MAX,
    requestMsMax,
    watchMsMin,
    cbor,
  } = limits;
  const seats = readsMax + writesMax;
  return {
    inflight: { readsMax, writesMax },
    ...(cbor === undefined ? {} : { cbor }),
    ...(requestMsMax === undefined ? {} : { requestMsMax }),
    ...(watchMsMin === undefined ? {} : { watchMsMin }),
    // Without any seat nothing could ever run: upstream refuses such flags, and so do we where they are read.
    ...(priorityAndFairness && seats > 0 ? { flowControl: createFlowControl({ seats, metrics }, ctx) } : {}),
  };
}

/** Takes the stored objects into effect and looks after them until `ctx` ends. */
export function startFlowControl(server: ApiServer, ctx: Ctx): void {
  const { flowControl } = server;
  if (flowControl === undefined) return;
  flowControl.follow(server.registry, ctx);
  runFlowControl(clientFor(server, MASTER, 'kube-apiserver'), flowControl, ctx);
}
