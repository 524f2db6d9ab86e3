/** Authentication and authorization of `kapella server`, by its options. */
import type { ClusterOptions } from '@kapella/cli';
import type { AuthenticationParts, AuthorizationParts } from '@kapella/control-plane';
import { fileKind, kubeconfigTarget, watchedFile } from './watched-file.ts';

const WEBHOOK_CACHE_MS = 120_000;
/** As `kube-system/extension-apiserver-authentication` tells others. */
const REQUEST_HEADERS = {
  ...{ allowedNames: ['front-proxy-client'], usernames: ['X-Remote-User'], uids: ['X-Remote-Uid'] },
  ...{ groups: ['X-Remote-Group'], extraPrefixes: ['X-Remote-Extra-'] },
};

/** Throws CliError Usage for files that cannot be read. */
export function authenticationOf(options: ClusterOptions): AuthenticationParts {
  const { authenticationConfig = '', authenticationTokenWebhookConfigFile: webhook = '' } = options;
  const flag = '--authentication-token-webhook-config-file';
  return {
    bootstrapTokens: true,
    requestHeaders: REQUEST_HEADERS,
    ...(authenticationConfig !== '' && {
      jwt: { source: watchedFile(authenticationConfig, '--authentication-config') },
    }),
    ...(webhook !== '' && {
      webhook: { target: kubeconfigTarget(webhook, flag), version: 'v1', cacheTtlMs: WEBHOOK_CACHE_MS },
    }),
  };
}

/** undefined: Node and RBAC. Throws CliError Usage for files that cannot be read. */
export function authorizationOf({ authorizationConfig = '' }: ClusterOptions): AuthorizationParts | undefined {
  if (authorizationConfig === '') return undefined;
  const kubeconfig = (path: string) => kubeconfigTarget(path, '--authorization-config: kubeConfigFile');
  return { kubeconfig, source: watchedFile(authorizationConfig, '--authorization-config'), fileKind };
}
