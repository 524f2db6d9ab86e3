/** How a component reaches its API server: `--kubeconfig` and `--master`, as upstream's take them. */
import { describeError } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { type Client, type ClientOptions, createClient } from '@kapella/client';
import { createHttpsTransport, type HttpsTransportOptions, loadKubeconfig } from '@kapella/client/node';
import { KUBERNETES_VERSION } from '../../version.ts';
import type { FlagValues } from '../flags.ts';

/** `configured`: from a configuration file; the flag wins. Throws CliError Usage. */
export async function kubeconfigTransport(flags: FlagValues, configured = ''): Promise<HttpsTransportOptions> {
  const path = flags.get('kubeconfig') ?? configured;
  if (path === '')
    throw new CliError('Usage', 'no kubeconfig', 'Give --kubeconfig, or clientConnection.kubeconfig in --config.');
  try {
    const { transport } = await loadKubeconfig(path);
    const server = flags.get('master') ?? transport.server;
    return { ...transport, server };
  } catch (error) {
    throw new CliError('Usage', `--kubeconfig ${path}: ${describeError(error)}`, 'Give a kubeconfig file.', error);
  }
}

export async function kubeconfigClient(
  program: string,
  flags: FlagValues,
  configured = '',
  limits: Pick<ClientOptions, 'atOnceMax'> = {},
): Promise<Client> {
  const userAgent = `${program}/${KUBERNETES_VERSION}`;
  return createClient(createHttpsTransport(await kubeconfigTransport(flags, configured)), { userAgent, ...limits });
}
