/** Every live namespace has the cluster CA as ConfigMap `kube-root-ca.crt`. Source: …/controller/certificates/rootcacertpublisher. */
import { coreV1 } from '@kapella/api';
import { isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

export const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';
const DESCRIPTION = 'kubernetes.io/description';
const TEXT =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the ' +
  'internal service IP or kubernetes.default.svc. ' +
  'No other usage is guaranteed across distributions of Kubernetes clusters.';

/** `rootCa`: PEM. */
export function createRootCaPublisher({ cache, client }: ControllerDeps, rootCa: string): Controller {
  const data = { 'ca.crt': rootCa };
  return defineController({
    name: 'root-ca-certificate-publisher-controller',
    primary: coreV1.Namespace,
    watches: [
      {
        kind: coreV1.ConfigMap,
        keysOf: (map) => (map.metadata.name === ROOT_CA_CONFIG_MAP ? [map.metadata.namespace ?? ''] : []),
      },
    ],
    async reconcile(name, ctx) {
      const namespace = cache.get(coreV1.Namespace, name);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return {};
      const present = cache.get(coreV1.ConfigMap, `${name}/${ROOT_CA_CONFIG_MAP}`);
      if (present?.data?.['ca.crt'] === rootCa && Object.keys(present.data).length === 1) return {};
      const metadata = { name: ROOT_CA_CONFIG_MAP, namespace: name, annotations: { [DESCRIPTION]: TEXT } };
      try {
        if (present === undefined) await client.create(coreV1.ConfigMap, { metadata, data }, ctx);
        else await client.update(coreV1.ConfigMap, { ...present, data }, ctx);
      } catch (error) {
        if (!isReason(error, 'AlreadyExists', 'NotFound', 'Forbidden')) throw error;
      }
      return {};
    },
  });
}
