/** The controllers of a cluster, from the table of @kapella/controllers. */
import type { Controller, ControllerDeps } from '@kapella/controller';

export interface ControllerFacts {
  readonly podCidr: string;
  /** PEM. */
  readonly rootCa: string;
  /** Signs certificates of nodes. */
  readonly ca: { readonly cert: string; readonly key: string };
}

export function clusterControllers(_facts: ControllerFacts): (depsOf: (component: string) => ControllerDeps) => readonly Controller[] {
  return () => [];
}
