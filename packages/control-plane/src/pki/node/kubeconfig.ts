/** kubeconfig files: one cluster, one user with a client certificate. */
import { stringify } from 'yaml';
import type { KeyPairPem } from './certificates.ts';

export interface KubeconfigOptions {
  /** Of cluster, user and context. */
  readonly name: string;
  readonly server: string;
  readonly caCert: string;
  readonly user: KeyPairPem;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

export function kubeconfigObject({ name, server, caCert, user }: KubeconfigOptions) {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': base64(caCert) } }],
    users: [{ name, user: { 'client-certificate-data': base64(user.cert), 'client-key-data': base64(user.key) } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
}

export function kubeconfigYaml(options: KubeconfigOptions): string {
  return stringify(kubeconfigObject(options), { lineWidth: 0 });
}
