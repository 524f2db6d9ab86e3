/** apiserver.config.k8s.io AuthorizationConfiguration. Source: apiserver/pkg/apis/apiserver/{types.go,v1,v1beta1}. */
import { decodeConfiguration, type Shape } from '../config/decode.ts';

export interface WebhookConfiguration {
  /** Milliseconds. */
  readonly authorizedTTL: number;
  readonly cacheAuthorizedRequests: boolean;
  readonly unauthorizedTTL: number;
  readonly cacheUnauthorizedRequests: boolean;
  readonly timeout: number;
  readonly subjectAccessReviewVersion: string;
  readonly matchConditionSubjectAccessReviewVersion: string;
  readonly failurePolicy: string;
  readonly connectionInfo: { readonly type?: string; readonly kubeConfigFile?: string };
  readonly matchConditions: readonly { readonly expression?: string }[];
}

export interface AuthorizerConfiguration {
  readonly type: string;
  readonly name: string;
  readonly webhook?: WebhookConfiguration;
}

export interface AuthorizationConfiguration {
  readonly authorizers: readonly AuthorizerConfiguration[];
}

const shape: { readonly [field: string]: Shape } = {
  authorizers: [
    {
      ...{ type: 'string', name: 'string' },
      webhook: {
        ...{ authorizedTTL: 'duration', cacheAuthorizedRequests: 'boolean' },
        ...{ unauthorizedTTL: 'duration', cacheUnauthorizedRequests: 'boolean' },
        ...{ timeout: 'duration', subjectAccessReviewVersion: 'string', failurePolicy: 'string' },
        matchConditionSubjectAccessReviewVersion: 'string',
        connectionInfo: { type: 'string', kubeConfigFile: 'string' },
        matchConditions: [{ expression: 'string' }],
      },
    },
  ],
};

type Decoded = {
  readonly authorizers?: readonly (Partial<Omit<AuthorizerConfiguration, 'webhook'>> & {
    readonly webhook?: Partial<WebhookConfiguration>;
  })[];
};

/** With defaults; what it says is not checked yet. Throws Error for what is no such document. */
export function decodeAuthorizationConfiguration(text: string): AuthorizationConfiguration {
  const versions = ['v1', 'v1beta1', 'v1alpha1'];
  const decoded: Decoded = decodeConfiguration(text, { kind: 'AuthorizationConfiguration', versions, shape });
  return {
    authorizers: (decoded.authorizers ?? []).map(({ type = '', name = '', webhook }) => ({
      ...{ type, name },
      ...(webhook === undefined ? {} : { webhook: webhookWithDefaults(webhook) }),
    })),
  };
}

export function webhookWithDefaults(given: Partial<WebhookConfiguration>): WebhookConfiguration {
  return {
    ...{ cacheAuthorizedRequests: true, cacheUnauthorizedRequests: true, timeout: 0 },
    ...{ subjectAccessReviewVersion: '', matchConditionSubjectAccessReviewVersion: '', failurePolicy: '' },
    ...{ connectionInfo: {}, matchConditions: [] },
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    authorizedTTL: given.authorizedTTL || 300_000,
    unauthorizedTTL: given.unauthorizedTTL || 30_000,
  };
}
