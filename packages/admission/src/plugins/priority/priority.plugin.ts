/** Priorities of Pods by their class. Source: kubernetes plugin/pkg/admission/priority/admission.go. */
import { schedulingV1 } from '@kapella/api';
import type { Pod, PreemptionPolicy } from '@kapella/api/types/core-v1';
import type { PriorityClass } from '@kapella/api/types/scheduling-v1';
import type { AdmissionPlugin, AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { asObject, isFor, podOf, refuse, withSpec } from '../../support/request.ts';

export const priority: AdmissionPlugin = {
  name: 'Priority',
  handles: (request) =>
    request.subresource === '' &&
    (request.operation === 'CREATE' || request.operation === 'UPDATE') &&
    (isFor(request, 'pods') || isFor(request, 'priorityclasses', 'scheduling.k8s.io')),

  async admit(request, server) {
    if (!isFor(request, 'pods')) return undefined;
    if (request.operation === 'UPDATE') return keptPriority(request);
    const pod = podOf(request);
    const chosen = await classFor(request, pod, server);
    const given = pod.spec;
    const hint = 'priority admission controller computed';
    const from = 'from the given PriorityClass name';
    if (given.priority !== undefined && given.priority !== chosen.value) {
      const what = `the integer value of priority (${given.priority}) must not be provided in pod spec`;
      throw refuse(request, `${what}; ${hint} ${chosen.value} ${from}`);
    }
    if (given.preemptionPolicy !== undefined && given.preemptionPolicy !== chosen.preemptionPolicy) {
      const what = `the string value of PreemptionPolicy (${given.preemptionPolicy}) must not be provided in pod spec`;
      throw refuse(request, `${what}; ${hint} ${chosen.preemptionPolicy} ${from}`);
    }
    const spec = {
      ...given,
      ...(chosen.name !== '' && { priorityClassName: chosen.name }),
      priority: chosen.value,
      preemptionPolicy: chosen.preemptionPolicy,
    };
    return asObject({ ...pod, spec });
  },

  async validate(request, server) {
    if (isFor(request, 'pods')) return;
    const next = request.object as unknown as PriorityClass;
    if (next.globalDefault !== true) return;
    const other = await defaultClass(server);
    if (other === undefined || other.metadata.name === next.metadata.name) return;
    const why = `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`;
    throw refuse(request, why);
  },
};

interface Chosen {
  readonly name: string;
  readonly value: number;
  readonly preemptionPolicy: PreemptionPolicy;
}

async function classFor(request: AdmissionRequest, pod: Pod, server: ServerAccess): Promise<Chosen> {
  const name = pod.spec.priorityClassName ?? '';
  const found = name === '' ? await defaultClass(server) : await server.get(schedulingV1.PriorityClass, '', name);
  if (found === undefined && name !== '') throw refuse(request, `no PriorityClass with name ${name} was found`);
  return {
    name: found?.metadata.name ?? '',
    value: found?.value ?? 0,
    preemptionPolicy: (found?.preemptionPolicy as PreemptionPolicy | undefined) ?? 'PreemptLowerPriority',
  };
}

/** The lowest of the classes marked as default, should there be more than one. */
async function defaultClass(server: ServerAccess): Promise<PriorityClass | undefined> {
  const all = (await server.list(schedulingV1.PriorityClass)).filter((item) => item.globalDefault === true);
  return all.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
}

/** A client that leaves the priority out on update keeps it. */
function keptPriority(request: AdmissionRequest): ReturnType<typeof asObject> | undefined {
  const pod = podOf(request);
  const old = withSpec<Pod>(request.oldObject);
  const sameClass = (pod.spec.priorityClassName ?? '') === (old.spec.priorityClassName ?? '');
  const missing = pod.spec.priority === undefined || pod.spec.preemptionPolicy === undefined;
  if (!sameClass || !missing) return undefined;
  const { priority: value = old.spec.priority, preemptionPolicy = old.spec.preemptionPolicy } = pod.spec;
  return asObject({
    ...pod,
    spec: {
      ...pod.spec,
      ...(value !== undefined && { priority: value }),
      ...(preemptionPolicy !== undefined && { preemptionPolicy }),
    },
  });
}
