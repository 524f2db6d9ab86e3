/** What the operations of users have in common. */
import type { KindRef } from '@kapella/api';
import type { Step } from './plan.ts';
import type { World } from './world.ts';

export type Op = (step: Step, world: World) => Promise<void>;

export const text = (value: Step[string] | undefined, fallback = '') => String(value ?? fallback);
export const namespaceOf = (step: Step) => text(step['namespace'], 'default');
export const metadataOf = (step: Step) => ({ namespace: namespaceOf(step), name: text(step['name']) });
export const selector = (step: Step) => ({ matchLabels: { app: text(step['name']) } });

interface Applied {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

export async function apply(kind: KindRef<unknown>, object: Applied, world: World): Promise<void> {
  const options = { fieldManager: 'user', force: true };
  await world.client.patch(kind, object, { type: 'apply', body: object }, world.ctx, options);
}

const containers = (step: Step) => [
  {
    ...{ name: 'main', image: text(step['image'], 'img:1') },
    // A start takes a moment: what is in between two states is seen.
    imagePullPolicy: 'Always',
    resources: { requests: { cpu: text(step['cpu'], '100m') } },
  },
];

/** A Pod template of one container, labelled with the step's name; `extra` goes into its spec. */
export const template = (step: Step, extra: object = {}) => ({
  metadata: { labels: { app: text(step['name']) } },
  spec: { terminationGracePeriodSeconds: 5, containers: containers(step), ...extra },
});
