/** Which of several default classes counts: the newest, then the first by name. Source: pkg/volume/util, ingress util. */
import type { KubeObject } from '@kapella/api';

export function newestDefault<T extends KubeObject>(
  classes: readonly T[],
  annotations: readonly string[],
): T | undefined {
  const isDefault = ({ metadata }: T) => annotations.some((key) => metadata.annotations?.[key] === 'true');
  return classes.filter(isDefault).sort((a, b) => {
    const [timeA, timeB] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
    if (timeA !== timeB) return timeA > timeB ? -1 : 1;
    return a.metadata.name < b.metadata.name ? -1 : 1;
  })[0];
}
