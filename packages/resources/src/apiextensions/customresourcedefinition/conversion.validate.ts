/** spec.conversion of a definition. Source: apiextensions-apiserver validation.go, validateCustomResourceConversion. */
import { validateDns1035Label } from '@kapella/api';
import type {
  CustomResourceConversion,
  CustomResourceDefinitionVersion,
  WebhookClientConfig,
} from '@kapella/api/types/apiextensions-v1';
import type { FieldErrors } from '@kapella/base';
import { isUsableBundle } from '../../support/ca-bundle.ts';

const REVIEWS = ['v1', 'v1beta1'];
const PORT_MAX = 65_535;
const CONFIG = 'spec.conversion.webhookClientConfig';

/** Of a definition that is served: a new bundle must be one; a bad one that is there may stay. */
export function checkBundle(
  next: CustomResourceConversion | undefined,
  old: CustomResourceConversion | undefined,
  errors: FieldErrors,
): void {
  const bundle = next?.strategy === 'Webhook' ? next.webhook?.clientConfig?.caBundle : undefined;
  if (isUsableBundle(bundle) || !isUsableBundle(old?.webhook?.clientConfig?.caBundle)) return;
  const why = 'unable to load root certificates: unable to parse bytes as PEM block';
  errors.invalid(`${CONFIG}.caBundle`, bundle, why);
}

export function checkConversion(
  conversion: CustomResourceConversion | undefined,
  versions: readonly CustomResourceDefinitionVersion[],
  errors: FieldErrors,
): void {
  const { strategy = 'None', webhook } = conversion ?? {};
  if (strategy === 'Webhook') {
    if (versions.length === 0) return;
    if (webhook?.clientConfig === undefined) errors.required(CONFIG, 'required when strategy is set to Webhook');
    else checkClientConfig(webhook.clientConfig, errors);
    checkReviewVersions(webhook?.conversionReviewVersions ?? [], errors);
    return;
  }
  if (strategy !== 'None') errors.notSupported('spec.conversion.strategy', strategy, ['None', 'Webhook']);
  const why = 'should not be set when strategy is not set to Webhook';
  if (webhook?.clientConfig !== undefined) errors.forbidden(CONFIG, why);
  if ((webhook?.conversionReviewVersions ?? []).length > 0) {
    errors.forbidden('spec.conversion.conversionReviewVersions', why);
  }
}

function checkClientConfig({ url, service }: WebhookClientConfig, errors: FieldErrors): void {
  if ((url === undefined) === (service === undefined)) {
    errors.required(CONFIG, 'exactly one of url or service is required');
    return;
  }
  if (url !== undefined) checkUrl(url, errors);
  if (service === undefined) return;
  const { name, namespace, path, port } = service;
  if (!name) errors.required(`${CONFIG}.service.name`, 'service name is required');
  if (!namespace) errors.required(`${CONFIG}.service.namespace`, 'service namespace is required');
  if (port !== undefined && (port < 1 || port > PORT_MAX)) {
    errors.invalid(`${CONFIG}.service.port`, port, 'port is not valid: must be between 1 and 65535, inclusive');
  }
  if (path !== undefined && !path.startsWith('/')) {
    errors.invalid(`${CONFIG}.service.path`, path, "must start with a '/'");
  }
}

function checkUrl(text: string, errors: FieldErrors): void {
  const form = 'desired format: https://host[/path]';
  const field = `${CONFIG}.url`;
  const parts = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/i.exec(text);
  const [, scheme = '', authority = '', , query, fragment] = parts ?? [];
  if (scheme.toLowerCase() !== 'https') {
    errors.invalid(field, scheme, `'https' is the only allowed URL scheme; ${form}`);
  }
  if (parts === null) return;
  if (authority === '') errors.invalid(field, authority, `host must be specified; ${form}`);
  if (authority.includes('@')) {
    errors.invalid(
      field,
      authority.slice(0, authority.lastIndexOf('@')),
      `user information is not permitted in the URL`,
    );
  }
  if (fragment) errors.invalid(field, fragment.slice(1), 'fragments are not permitted in the URL');
  if (query) errors.invalid(field, query.slice(1), 'query parameters are not permitted in the URL');
}

function checkReviewVersions(versions: readonly string[], errors: FieldErrors): void {
  const field = 'spec.conversion.conversionReviewVersions';
  if (versions.length === 0) {
    errors.required(field);
    return;
  }
  const seen = new Set<string>();
  for (const [i, version] of versions.entries()) {
    if (seen.has(version)) errors.invalid(`${field}[${i}]`, version, 'duplicate version');
    else for (const why of validateDns1035Label(version)) errors.invalid(`${field}[${i}]`, version, why);
    seen.add(version);
  }
  if (!versions.some((version) => REVIEWS.includes(version))) {
    errors.invalid(field, versions, `must include at least one of ${REVIEWS.join(', ')}`);
  }
}
