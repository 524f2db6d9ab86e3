/** Who may come and what they may do: configuration files, by the names of upstream's flags. */

/** Absolute paths; empty: not given. */
export interface AuthOptions {
  /** Path of an AuthenticationConfiguration. */
  readonly authenticationConfig: string;
  /** Path of the kubeconfig of a webhook that answers TokenReviews. */
  readonly authenticationTokenWebhookConfigFile: string;
  /** Path of an AuthorizationConfiguration. */
  readonly authorizationConfig: string;
}

export const AUTH_DEFAULTS: AuthOptions = {
  ...{ authenticationConfig: '', authenticationTokenWebhookConfigFile: '', authorizationConfig: '' },
};

/** Defaults where nothing was given. */
export function authOptionsOf(given: Partial<Record<keyof AuthOptions, string>>): AuthOptions {
  const options: Record<keyof AuthOptions, string> = { ...AUTH_DEFAULTS };
  for (const { field } of AUTH_OPTION_SPECS) options[field] = given[field] ?? AUTH_DEFAULTS[field];
  return options;
}

const file = (field: keyof AuthOptions, flag: string, help: string) => ({
  ...{ field, flag, value: 'FILE', help },
  check: (value: string) => (value === '' || value.startsWith('/') ? undefined : 'must be an absolute path'),
});

export const AUTH_OPTION_SPECS = [
  file('authenticationConfig', '--authentication-config', 'OpenID issuers and anonymous access; read again on change'),
  file(
    'authenticationTokenWebhookConfigFile',
    '--authentication-token-webhook-config-file',
    'kubeconfig of a webhook that knows bearer tokens',
  ),
  file('authorizationConfig', '--authorization-config', 'authorizers instead of Node and RBAC; read again on change'),
] as const;
