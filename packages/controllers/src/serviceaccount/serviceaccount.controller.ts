/** Every live namespace has a `default` ServiceAccount. Source: kubernetes pkg/controller/serviceaccount/serviceaccounts_controller.go. */
import { coreV1 } from '@kapella/api';
import { isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

const DEFAULT_NAME = 'default';

export function createServiceAccountController({ cache, client }: ControllerDeps): Controller {
  return defineController({
    name: 'serviceaccount-controller',
    primary: coreV1.Namespace,
    watches: [
      {
        kind: coreV1.ServiceAccount,
        keysOf: (account, _old, deleted) =>
          deleted && account.metadata.name === DEFAULT_NAME ? [account.metadata.namespace ?? ''] : [],
      },
    ],
    async reconcile(name, ctx) {
      const namespace = cache.get(coreV1.Namespace, name);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return {};
      if (cache.get(coreV1.ServiceAccount, `${name}/${DEFAULT_NAME}`) !== undefined) return {};
      try {
        await client.create(coreV1.ServiceAccount, { metadata: { name: DEFAULT_NAME, namespace: name } }, ctx);
      } catch (error) {
        // Made meanwhile, or the namespace began to go: nothing left to do either way.
        if (!isReason(error, 'AlreadyExists', 'NotFound', 'Forbidden')) throw error;
      }
      return {};
    },
  });
}
