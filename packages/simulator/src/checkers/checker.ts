/** What must hold whatever goes wrong. */
import { quantityMilli, type UnknownObject } from '@kapella/api';
import type { World } from '../sim/world.ts';

export interface Checker {
  readonly name: string;
  /** It asks the server by itself, all the time: left out of plans that are about time. */
  readonly isActor?: boolean;
  /** Called before anything happens: subscribes to what it watches. */
  watch?(world: World): void;
  /** Called when the cluster has come to rest. */
  atRest?(world: World): void;
}

export const isFinished = ({ status }: UnknownObject): boolean =>
  status?.phase === 'Succeeded' || status?.phase === 'Failed';
export const isGoing = ({ metadata }: UnknownObject): boolean => metadata.deletionTimestamp !== undefined;
export const isReady = ({ status }: UnknownObject): boolean =>
  status?.conditions?.some((c: { type: string; status: string }) => c.type === 'Ready' && c.status === 'True') === true;
export const nameOf = ({ metadata, kind }: UnknownObject): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`;

/** Controller of this kind; undefined: none. */
export function ownerOf(
  { metadata }: UnknownObject,
  kind: string,
): { readonly uid: string; readonly name: string } | undefined {
  return metadata.ownerReferences?.find((owner) => owner.controller === true && owner.kind === kind);
}

export function selects(selector: UnknownObject, labels: Readonly<Record<string, string>> = {}): boolean {
  return Object.entries((selector['matchLabels'] ?? {}) as Record<string, string>).every(
    ([key, value]) => labels[key] === value,
  );
}

/** In millis of a CPU. */
export const cpuMilli = (text: string | undefined): number => (text === undefined ? 0 : quantityMilli(text));
