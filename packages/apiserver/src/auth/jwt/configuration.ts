/** apiserver.config.k8s.io AuthenticationConfiguration. Source: apiserver/pkg/apis/apiserver/{types.go,v1,v1beta1}. */
import { decodeConfiguration, type Shape } from '../config/decode.ts';

export interface ClaimOrExpression {
  readonly claim?: string;
  readonly expression?: string;
}

export interface PrefixedClaimOrExpression extends ClaimOrExpression {
  readonly prefix?: string;
}

export interface ClaimValidationRule extends ClaimOrExpression {
  readonly requiredValue?: string;
  readonly message?: string;
}

export interface Issuer {
  readonly url?: string;
  readonly discoveryURL?: string;
  readonly certificateAuthority?: string;
  readonly audiences?: readonly string[];
  readonly audienceMatchPolicy?: string;
  readonly egressSelectorType?: string;
}

export interface JwtAuthenticatorConfiguration {
  readonly issuer?: Issuer;
  readonly claimValidationRules?: readonly ClaimValidationRule[];
  readonly claimMappings?: {
    readonly username?: PrefixedClaimOrExpression;
    readonly groups?: PrefixedClaimOrExpression;
    readonly uid?: ClaimOrExpression;
    readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[];
  };
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[];
}

export interface AnonymousConfiguration {
  readonly enabled?: boolean;
  /** Anonymous requests are for these paths only; none: for all. */
  readonly conditions?: readonly { readonly path?: string }[];
}

export interface AuthenticationConfiguration {
  readonly jwt?: readonly JwtAuthenticatorConfiguration[];
  readonly anonymous?: AnonymousConfiguration;
}

const claimOrExpression = { claim: 'string', expression: 'string' } as const;
const prefixed = { ...claimOrExpression, prefix: 'string' } as const;
const shape: { readonly [field: string]: Shape } = {
  jwt: [
    {
      issuer: {
        ...{ url: 'string', discoveryURL: 'string', certificateAuthority: 'string', audiences: ['string'] },
        ...{ audienceMatchPolicy: 'string', egressSelectorType: 'string' },
      },
      claimValidationRules: [{ ...claimOrExpression, requiredValue: 'string', message: 'string' }],
      claimMappings: {
        ...{ username: prefixed, groups: prefixed, uid: claimOrExpression },
        extra: [{ key: 'string', valueExpression: 'string' }],
      },
      userValidationRules: [{ expression: 'string', message: 'string' }],
    },
  ],
  anonymous: { enabled: 'boolean', conditions: [{ path: 'string' }] },
};

/** Throws Error for what is no such document; what it says is not checked yet. */
export function decodeAuthenticationConfiguration(text: string): AuthenticationConfiguration {
  const versions = ['v1', 'v1beta1', 'v1alpha1'];
  return decodeConfiguration(text, { kind: 'AuthenticationConfiguration', versions, shape });
}
