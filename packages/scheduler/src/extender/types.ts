/** Schedulers of others that are asked over HTTP. Source: k8s.io/kube-scheduler/{config/v1,extender/v1}/types.go. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';

export interface ExtenderTls {
  readonly insecure?: boolean;
  readonly serverName?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  /** base64 */
  readonly certData?: string;
  readonly keyData?: string;
  readonly caData?: string;
}

export interface ExtenderConfig {
  readonly urlPrefix: string;
  readonly filterVerb?: string;
  readonly preemptVerb?: string;
  readonly prioritizeVerb?: string;
  readonly bindVerb?: string;
  readonly weight?: number;
  readonly enableHTTPS?: boolean;
  readonly tlsConfig?: ExtenderTls;
  /** `5s`; absent: 5 s. */
  readonly httpTimeout?: string;
  /** Knows the nodes itself: only names are sent. */
  readonly nodeCacheCapable?: boolean;
  readonly managedResources?: readonly { readonly name: string; readonly ignoredByScheduler?: boolean }[];
  /** When it fails, scheduling goes on without it. */
  readonly ignorable?: boolean;
}

/** Sends JSON, answers the decoded body of a 200. Rejects for anything else. */
export type ExtenderTransport = (url: string, body: object, config: ExtenderConfig, ctx: Ctx) => Promise<unknown>;

export interface ExtenderArgs {
  readonly Pod: Pod;
  readonly Nodes?: { readonly items: readonly Node[] };
  readonly NodeNames?: readonly string[];
}

export interface ExtenderFilterResult {
  readonly Nodes?: { readonly items?: readonly Node[] };
  readonly NodeNames?: readonly string[];
  readonly FailedNodes?: Readonly<Record<string, string>>;
  readonly FailedAndUnresolvableNodes?: Readonly<Record<string, string>>;
  readonly Error?: string;
}

export type HostPriorityList = readonly { readonly Host: string; readonly Score: number }[];

export interface ExtenderPreemptionResult {
  readonly NodeNameToMetaVictims?: Readonly<
    Record<string, { readonly Pods?: readonly { readonly UID: string }[]; readonly NumPDBViolations?: number }>
  >;
}

export interface ExtenderBindingResult {
  readonly Error?: string;
}
