/** Who may do what: the authorizers that the server is configured with. Source: kubernetes pkg/kubeapiserver/authorizer/config.go. */
import {
  type AbacPolicy,
  type AuthorizationConfiguration,
  type Authorizer,
  ConfigurationError,
  type ConfigurationSource,
  createAbacAuthorizer,
  createFixedAuthorizer,
  createStructuredAuthorizer,
  type FileKind,
  type HttpCaller,
  type KubeconfigTarget,
  type MetricsRegistry,
} from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';

export type AuthorizationMode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny' | 'ABAC' | 'Webhook';

/** AuthorizationConfiguration as a file, which may change, or made of flags. */
export type AuthorizationParts = {
  /** Of mode ABAC. */
  readonly abacPolicies?: readonly AbacPolicy[];
  /** Where the kubeconfig of a path leads. Throws Error. */
  readonly kubeconfig: (path: string) => KubeconfigTarget;
} & (
  | { readonly configuration: AuthorizationConfiguration }
  | { readonly source: ConfigurationSource; readonly fileKind: FileKind }
);

export interface AuthorizationDeps {
  readonly rbac: Authorizer;
  readonly nodes: Authorizer;
  readonly caller: HttpCaller;
  readonly metrics: MetricsRegistry;
}

/** Throws ConfigurationError. A followed file is let go with `ctx`. */
export function createAuthorizer(
  parts: AuthorizationParts | undefined,
  modes: readonly AuthorizationMode[],
  { rbac, nodes, caller, metrics }: AuthorizationDeps,
  ctx: Ctx,
): Authorizer {
  const { abacPolicies } = parts ?? {};
  const builtIn = {
    ...{ RBAC: rbac, Node: nodes },
    ...(abacPolicies !== undefined && { ABAC: createAbacAuthorizer(abacPolicies) }),
  };
  const deps = { builtIn, caller, metrics, kubeconfig: parts?.kubeconfig ?? noKubeconfig };
  try {
    return configured(parts, modes, deps, ctx);
  } catch (error) {
    throw new ConfigurationError((error as Error).message, { cause: error });
  }
}

function configured(
  parts: AuthorizationParts | undefined,
  modes: readonly AuthorizationMode[],
  deps: Parameters<typeof createFixedAuthorizer>[1],
  ctx: Ctx,
): Authorizer {
  if (parts !== undefined && 'source' in parts)
    return createStructuredAuthorizer(parts.source, parts.fileKind, deps, ctx);
  const configuration = parts?.configuration ?? {
    authorizers: modes.map((type) => ({ type, name: type.toLowerCase() })),
  };
  return createFixedAuthorizer(configuration, deps);
}

function noKubeconfig(path: string): never {
  throw new Error(`no file ${path} here`);
}
