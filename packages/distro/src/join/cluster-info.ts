/** What a machine that joins believes of a server: what its token has signed, under a CA whose key it was told. */
import { parseYaml } from '@kapella/api';
import { CliError } from '@kapella/cli';
import type { BootstrapToken } from './token.ts';

export interface ClusterInfoCrypto {
  /** HMAC-SHA256 of ASCII text, base64url. */
  sign(text: string, key: string): string;
  /** `sha256:<hex>` of the certificate's public key, as kubeadm writes it. */
  keyHash(certificate: string): string;
  isSame(a: string, b: string): boolean;
}

export interface TrustedCluster {
  /** PEM. */
  readonly ca: string;
}

const base64url = (text: string) =>
  btoa(Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join(''))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '');

/**
 * `data`: of the ConfigMap kube-public/cluster-info, read over a connection that nothing vouches for.
 * `pin`: '' = the token's signature alone has to do. Throws CliError.
 */
export function trustClusterInfo(
  data: Readonly<Record<string, string>>,
  token: BootstrapToken,
  pin: string,
  crypto: ClusterInfoCrypto,
): TrustedCluster {
  const kubeconfig = data['kubeconfig'] ?? '';
  const jws = data[`jws-kubeconfig-${token.id}`];
  if (kubeconfig === '' || jws === undefined) {
    const message = `the server does not know the token ${token.id}.<secret>, or it has run out`;
    throw new CliError('Failed', message, 'On the server: kapella token create --print-join-command');
  }
  const [header = '', , signature = ''] = jws.split('.');
  const wanted = crypto.sign(`${header}.${base64url(kubeconfig)}`, token.secret);
  if (!crypto.isSame(signature, wanted)) {
    const message = 'what the server says of itself is not signed by that token';
    throw new CliError('Failed', message, 'Check --token and --server: another machine may be answering.');
  }
  const ca = caOf(kubeconfig);
  const hash = crypto.keyHash(ca);
  if (pin !== '' && hash !== pin) {
    const message = `the server's CA has the key ${hash}, not ${pin}`;
    throw new CliError('Failed', message, 'Check --ca-cert-hash and --server: another machine may be answering.');
  }
  return { ca };
}

interface KubeconfigLike {
  readonly clusters?: readonly { readonly cluster?: { readonly 'certificate-authority-data'?: string } }[];
}

function caOf(kubeconfig: string): string {
  const { clusters } = parseYaml(kubeconfig).value as KubeconfigLike;
  const data = clusters?.[0]?.cluster?.['certificate-authority-data'];
  if (data === undefined)
    throw new CliError('Failed', 'cluster-info names no certificate authority', 'Check --server.');
  return atob(data);
}
