/** KubeSchedulerConfiguration, kubescheduler.config.k8s.io/v1, as users write it. Source: kube-scheduler/config/v1/types.go. */
import type { ExtenderConfig } from '../extender/types.ts';

export const API_VERSION = 'kubescheduler.config.k8s.io/v1';
/** Whose Pods name no scheduler. */
export const DEFAULT_SCHEDULER = 'default-scheduler';

export interface PluginEntry {
  readonly name: string;
  readonly weight?: number;
}

export interface PluginSet {
  readonly enabled?: readonly PluginEntry[];
  /** `*`: all. */
  readonly disabled?: readonly PluginEntry[];
}

export const EXTENSION_POINTS = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;
export type ExtensionPoint = (typeof EXTENSION_POINTS)[number];

export type PluginSets = { readonly [P in ExtensionPoint | 'multiPoint']?: PluginSet };

export interface ProfileConfig {
  readonly schedulerName?: string;
  readonly percentageOfNodesToScore?: number;
  readonly plugins?: PluginSets;
  readonly pluginConfig?: readonly { readonly name: string; readonly args?: object }[];
}

export interface LeaderElectionConfig {
  readonly leaderElect: boolean;
  /** `15s` */
  readonly leaseDuration: string;
  readonly renewDeadline: string;
  readonly retryPeriod: string;
  readonly resourceLock: string;
  readonly resourceName: string;
  readonly resourceNamespace: string;
}

export interface ClientConnectionConfig {
  readonly kubeconfig?: string;
  readonly qps?: number;
  readonly burst?: number;
}

/** With all defaults filled in, but for what is in the plugins' hands: see profiles.ts. */
export interface SchedulerConfig {
  readonly parallelism: number;
  readonly percentageOfNodesToScore: number;
  readonly podInitialBackoffSeconds: number;
  readonly podMaxBackoffSeconds: number;
  readonly leaderElection: LeaderElectionConfig;
  readonly clientConnection: ClientConnectionConfig;
  readonly profiles: readonly ProfileConfig[];
  readonly extenders: readonly ExtenderConfig[];
}

/** The file is wrong: all that is, in upstream's words. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
