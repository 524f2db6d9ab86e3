/** Binds through the Pod's binding subresource. Source: kubernetes …/plugins/defaultbinder. */
import { coreV1 } from '@kapella/api';
import type { PluginFactory } from '../../framework/plugin.ts';

export const defaultBinder: PluginFactory = {
  name: 'DefaultBinder',
  create: () => ({
    name: 'DefaultBinder',
    async bind({ pod: { pod } }, node, { client }, ctx) {
      const { name, namespace, uid } = pod.metadata;
      const binding = {
        kind: 'Binding',
        apiVersion: 'v1',
        metadata: { name, namespace, uid },
        target: { kind: 'Node', name: node },
      };
      await client.createSubresource(coreV1.Pod, pod, 'binding', binding, ctx);
      return 'bound';
    },
  }),
};
