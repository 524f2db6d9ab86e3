/** Admission plugins in upstream's order: it matters. Source: kubernetes pkg/kubeapiserver/options/plugins.go. */
import type { AdmissionPlugin } from '@kapella/apiserver';
import { defaultTolerationSeconds } from './default-toleration-seconds/default-toleration-seconds.plugin.ts';
import { namespaceLifecycle } from './namespace-lifecycle/namespace-lifecycle.plugin.ts';
import { priority } from './priority/priority.plugin.ts';
import { serviceAccount } from './service-account/service-account.plugin.ts';

export interface PluginRow {
  readonly plugin: AdmissionPlugin;
  /** Runs unless configuration disables it. */
  readonly onByDefault: boolean;
}

const on = (plugin: AdmissionPlugin): PluginRow => ({ plugin, onByDefault: true });

/** Webhooks and policies run after these and before ResourceQuota. */
export const admissionPlugins: readonly PluginRow[] = [
  on(namespaceLifecycle),
  on(serviceAccount),
  on(priority),
  on(defaultTolerationSeconds),
];

/** The plugins that run when nothing is configured, plus `enable` and minus `disable` (upstream's names). */
export function selectPlugins(
  enable: readonly string[] = [],
  disable: readonly string[] = [],
): readonly AdmissionPlugin[] {
  return admissionPlugins
    .filter(({ plugin, onByDefault }) => enable.includes(plugin.name) || (onByDefault && !disable.includes(plugin.name)))
    .map(({ plugin }) => plugin);
}
