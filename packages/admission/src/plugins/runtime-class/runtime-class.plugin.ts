/** Overhead and placement of a Pod's runtime. Source: kubernetes plugin/pkg/admission/runtimeclass/admission.go. */
import { nodeV1 } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import type { RuntimeClass } from '@kapella/api/types/node-v1';
import type { AdmissionPlugin, AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { jsonEqual } from '@kapella/base';
import { asObject, isPodCreate, podOf, refuse } from '../../support/request.ts';

export const runtimeClass: AdmissionPlugin = {
  name: 'RuntimeClass',
  handles: isPodCreate,

  async admit(request, server) {
    const found = await classOf(request, server);
    if (found === undefined) return undefined;
    const pod = podOf(request);
    checkOverhead(request, pod, found);
    return asObject(withScheduling(request, withOverhead(pod, found), found));
  },

  async validate(request, server) {
    const pod = podOf(request);
    const found = await classOf(request, server);
    if (found !== undefined) checkOverhead(request, pod, found);
    else if (pod.spec.overhead !== undefined && Object.keys(pod.spec.overhead).length > 0) {
      throw refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
    }
  },
};

async function classOf(request: AdmissionRequest, server: ServerAccess): Promise<RuntimeClass | undefined> {
  const name = podOf(request).spec.runtimeClassName;
  if (name === undefined) return undefined;
  const found = await server.get(nodeV1.RuntimeClass, '', name);
  if (found === undefined) throw refuse(request, `pod rejected: RuntimeClass "${name}" not found`);
  return found;
}

function checkOverhead(request: AdmissionRequest, { spec }: Pod, { overhead }: RuntimeClass): void {
  const given = spec.overhead ?? {};
  if (Object.keys(given).length === 0 || jsonEqual(given, overhead?.podFixed ?? {})) return;
  throw refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
}

function withOverhead(pod: Pod, { overhead }: RuntimeClass): Pod {
  return overhead?.podFixed === undefined ? pod : { ...pod, spec: { ...pod.spec, overhead: overhead.podFixed } };
}

function withScheduling(request: AdmissionRequest, pod: Pod, { metadata, scheduling }: RuntimeClass): Pod {
  if (scheduling === undefined) return pod;
  const { nodeSelector = {}, tolerations = [] } = pod.spec;
  for (const [key, value] of Object.entries(scheduling.nodeSelector ?? {})) {
    if (!Object.hasOwn(nodeSelector, key) || nodeSelector[key] === value) continue;
    const why = `conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${nodeSelector[key]}`;
    throw refuse(request, `${metadata.name}: ${why}`);
  }
  const merged = { ...nodeSelector, ...scheduling.nodeSelector };
  const added = (scheduling.tolerations ?? []).filter((t) => !tolerations.some((own) => jsonEqual(own, t)));
  return {
    ...pod,
    spec: {
      ...pod.spec,
      ...(Object.keys(merged).length > 0 && { nodeSelector: merged }),
      ...(tolerations.length + added.length > 0 && { tolerations: [...tolerations, ...added] }),
    },
  };
}
