/** Admission plugins in upstream's order: it matters. Source: kubernetes pkg/kubeapiserver/options/plugins.go. */
import type { AdmissionPlugin } from '@kapella/apiserver';
import {
  certificateApproval,
  certificateSigning,
  certificateSubjectRestriction,
} from './certificates/certificates.plugin.ts';
import { defaultIngressClass } from './default-ingress-class/default-ingress-class.plugin.ts';
import { defaultStorageClass } from './default-storage-class/default-storage-class.plugin.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds/default-toleration-seconds.plugin.ts';
import { limitRanger } from './limit-ranger/limit-ranger.plugin.ts';
import { mutatingAdmissionPolicy } from './mutating-admission-policy/mutating-admission-policy.plugin.ts';
import { mutatingAdmissionWebhook } from './mutating-admission-webhook/mutating-admission-webhook.plugin.ts';
import { namespaceLifecycle } from './namespace-lifecycle/namespace-lifecycle.plugin.ts';
import { nodeRestriction } from './node-restriction/node-restriction.plugin.ts';
import { ownerReferencesPermission } from './owner-references-permission-enforcement/owner-references-permission-enforcement.plugin.ts';
import { persistentVolumeClaimResize } from './persistent-volume-claim-resize/persistent-volume-claim-resize.plugin.ts';
import { podSecurity } from './pod-security/pod-security.plugin.ts';
import { priority } from './priority/priority.plugin.ts';
import { resourceQuota } from './resource-quota/resource-quota.plugin.ts';
import { runtimeClass } from './runtime-class/runtime-class.plugin.ts';
import { serviceAccount } from './service-account/service-account.plugin.ts';
import { storageObjectInUseProtection } from './storage-object-in-use-protection/storage-object-in-use-protection.plugin.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition/taint-nodes-by-condition.plugin.ts';
import { validatingAdmissionPolicy } from './validating-admission-policy/validating-admission-policy.plugin.ts';
import { validatingAdmissionWebhook } from './validating-admission-webhook/validating-admission-webhook.plugin.ts';

export interface PluginRow {
  readonly plugin: AdmissionPlugin;
  /** Runs unless configuration disables it. */
  readonly onByDefault: boolean;
  /** After webhooks and policies, which see what is asked for before it is counted. */
  readonly last?: boolean;
}

const on = (plugin: AdmissionPlugin): PluginRow => ({ plugin, onByDefault: true });

/** NodeRestriction is on here though upstream leaves it to the installer: every cluster of ours needs it. */
export const admissionPlugins: readonly PluginRow[] = [
  on(namespaceLifecycle),
  on(limitRanger),
  on(serviceAccount),
  on(nodeRestriction),
  on(taintNodesByCondition),
  on(podSecurity),
  on(priority),
  on(defaultTolerationSeconds),
  on(defaultStorageClass),
  on(storageObjectInUseProtection),
  { plugin: ownerReferencesPermission, onByDefault: false },
  on(persistentVolumeClaimResize),
  on(runtimeClass),
  on(certificateApproval),
  on(certificateSigning),
  on(certificateSubjectRestriction),
  on(defaultIngressClass),
  { plugin: mutatingAdmissionPolicy, onByDefault: true, last: true },
  { plugin: mutatingAdmissionWebhook, onByDefault: true, last: true },
  { plugin: validatingAdmissionPolicy, onByDefault: true, last: true },
  { plugin: validatingAdmissionWebhook, onByDefault: true, last: true },
  { plugin: resourceQuota, onByDefault: true, last: true },
];

/** The plugins that run when nothing is configured, plus `enable` and minus `disable` (upstream's names). */
export function selectPlugins(
  enable: readonly string[] = [],
  disable: readonly string[] = [],
): readonly AdmissionPlugin[] {
  return admissionPlugins
    .filter(
      ({ plugin, onByDefault }) => enable.includes(plugin.name) || (onByDefault && !disable.includes(plugin.name)),
    )
    .map(({ plugin }) => plugin);
}
