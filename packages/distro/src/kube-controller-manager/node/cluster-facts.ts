/** From flags and the files that they name to what controllers must know of their cluster. */
import { readFileSync } from 'node:fs';
import { createTokenIssuer } from '@kapella/apiserver/node';
import { describeError } from '@kapella/base';
import { CliError } from '@kapella/cli';
import type { KeyPairPem } from '@kapella/control-plane/node';
import type { ClusterFacts } from '@kapella/controllers';
import { booleanFlag, durationFlagMs, type FlagValues, numberFlag } from '../../drop-in/flags.ts';
import { createCertificateFacts } from '../../pki/node/certificate-signer.ts';
import { SIGNER_FLAGS } from '../flags.ts';
import { tuningFlags } from '../tuning-flags.ts';

/** `kubeconfigCa`: published where `--root-ca-file` is not given, as upstream does. Throws CliError Usage. */
export async function clusterFacts(flags: FlagValues, kubeconfigCa: string): Promise<ClusterFacts> {
  const rootCaFile = flags.get('root-ca-file') ?? '';
  const nodeNetworks = nodeNetworksOf(flags);
  return {
    podCidr: nodeNetworks?.clusterCidrs[0] ?? '',
    rootCa: rootCaFile === '' ? kubeconfigCa : read('root-ca-file', rootCaFile),
    certificates: certificatesOf(flags),
    ...(nodeNetworks !== undefined && { nodeNetworks }),
    tuning: tuningFlags(flags),
    ...(await accountKeyOf(flags)),
  };
}

/** Without a key there are no tokens in Secrets, as upstream. */
async function accountKeyOf(flags: FlagValues): Promise<Pick<ClusterFacts, 'signAccountToken'>> {
  const file = flags.get('service-account-private-key-file') ?? '';
  if (file === '') return {};
  const privateKey = read('service-account-private-key-file', file);
  const tokens = await createTokenIssuer({ issuer: 'kubernetes/serviceaccount', privateKey });
  return { signAccountToken: tokens.issueLegacy };
}

/** Undefined: nodes are not given networks. */
function nodeNetworksOf(flags: FlagValues): ClusterFacts['nodeNetworks'] {
  if (booleanFlag(flags, 'allocate-node-cidrs') !== true) return undefined;
  const clusterCidrs = listOf(flags, 'cluster-cidr');
  const isV6 = clusterCidrs.map((cidr) => cidr.includes(':'));
  const both = numberFlag(flags, 'node-cidr-mask-size');
  if (clusterCidrs.length === 0 || clusterCidrs.length > 2 || (clusterCidrs.length === 2 && isV6[0] === isV6[1])) {
    const hint = 'Give 10.244.0.0/16, say, or 10.244.0.0/16,fd00:10:244::/56.';
    const what = '--allocate-node-cidrs needs one network in --cluster-cidr, or one of each family';
    throw new CliError('Usage', what, hint);
  }
  if (both !== undefined && clusterCidrs.length === 2) {
    const hint = 'Give --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6.';
    throw new CliError('Usage', '--node-cidr-mask-size cannot be given for networks of both families', hint);
  }
  const prefixIpv4 = numberFlag(flags, 'node-cidr-mask-size-ipv4') ?? both;
  const prefixIpv6 = numberFlag(flags, 'node-cidr-mask-size-ipv6') ?? both;
  return {
    clusterCidrs,
    ...(prefixIpv4 !== undefined && { prefixIpv4 }),
    ...(prefixIpv6 !== undefined && { prefixIpv6 }),
    serviceCidrs: listOf(flags, 'service-cluster-ip-range'),
  };
}

const listOf = (flags: FlagValues, name: string): readonly string[] =>
  (flags.get(name) ?? '').split(',').filter((word) => word !== '');

function certificatesOf(flags: FlagValues): ClusterFacts['certificates'] {
  const shared = pairOf(flags, 'cluster-signing');
  const pairs = new Map<string, KeyPairPem>();
  for (const [part, signer] of SIGNER_FLAGS) {
    const pair = pairOf(flags, `cluster-signing-${part}`) ?? shared;
    if (pair !== undefined) pairs.set(signer, pair);
  }
  const duration = flags.get('cluster-signing-duration');
  const lifeMsMax = duration === undefined ? {} : { lifeMsMax: durationFlagMs('cluster-signing-duration', duration) };
  return { ...createCertificateFacts(pairs), ...lifeMsMax };
}

function pairOf(flags: FlagValues, prefix: string): KeyPairPem | undefined {
  const [cert = '', key = ''] = [flags.get(`${prefix}-cert-file`), flags.get(`${prefix}-key-file`)];
  if (cert === '' && key === '') return undefined;
  if (cert === '' || key === '') {
    throw new CliError(
      'Usage',
      `--${prefix}-cert-file and --${prefix}-key-file belong together`,
      'Give both or neither.',
    );
  }
  return { cert: read(`${prefix}-cert-file`, cert), key: read(`${prefix}-key-file`, key) };
}

function read(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new CliError('Usage', `--${flag} ${path}: ${describeError(error)}`, 'Give a file that can be read.', error);
  }
}
