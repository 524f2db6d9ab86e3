/** What events say of a resize. Source: kubernetes pkg/kubelet/events/resize.go. */
import type { Container, Pod, ResourceRequirements } from '@kapella/api/types/core-v1';

const summaryOf = ({ name, resources }: Container) => {
  const { claims, limits, requests } = (resources ?? {}) as ResourceRequirements;
  const some = { ...(limits && { limits }), ...(requests && { requests }), ...(claims && { claims }) };
  return { name, resources: some };
};

/** `what`: `started`, `completed`, `error`, `Deferred`, `Infeasible`. `error` '' = none. */
export function resizeText(what: string, { spec }: Pod, generation: number, error = ''): string {
  const { initContainers = [], containers } = spec;
  const summary = {
    ...(initContainers.length === 0 ? {} : { initContainers: initContainers.map(summaryOf) }),
    containers: containers.map(summaryOf),
    generation,
    ...(error === '' ? {} : { error }),
  };
  return `Pod resize ${what}: ${JSON.stringify(summary)}`;
}
