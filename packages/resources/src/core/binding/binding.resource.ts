/** v1 Binding: never stored, binds the Pod of its name. Source: kubernetes pkg/registry/core/pod/storage. */
import type { Binding } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { success } from '../../support/status.ts';
import { bindPod } from '../pod/pod.actions.ts';

export const bindingResource = defineResource<Binding>({
  id: { group: '', version: 'v1', kind: 'Binding', plural: 'bindings', singular: 'binding' },
  scope: 'namespaced',
  verbs: ['create'],
  columns: [],
  async virtual(binding, request, ctx) {
    await bindPod({ ...request, body: binding as never }, binding.metadata.name, ctx);
    // Answered with a Status, as upstream does.
    return success(201) as unknown as Binding;
  },
});
