/** Rules for Ingresses. Source: kubernetes pkg/apis/networking/validation. */
import {
  nameIsDnsLabel,
  nameIsDnsSubdomain,
  parseIp,
  validateDns1123Subdomain,
  validatePathSegmentName,
  validatePortName,
  validateWildcardDns1123Subdomain,
} from '@kapella/api';
import type { HTTPIngressPath, Ingress, IngressBackend, IngressRule } from '@kapella/api/types/networking-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkDnsSubdomain, checkPort } from '../../support/validation/basic.ts';

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const BAD_SEQUENCES = ['//', '/./', '/../', '%2f', '%2F'];
const BAD_SUFFIXES = ['/..', '/.'];

export function validateIngress(ingress: Ingress, errors: FieldErrors): void {
  checkSpec(ingress, errors);
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  const { ingressClassName } = ingress.spec;
  if (annotation !== undefined && ingressClassName !== undefined && annotation !== ingressClassName) {
    const why = 'must match `ingressClassName` when both are specified';
    errors.invalid(`annotations.${CLASS_ANNOTATION}`, annotation, why);
  }
}

export function validateIngressUpdate(next: Ingress, _old: Ingress, errors: FieldErrors): void {
  checkSpec(next, errors);
}

function checkSpec({ spec }: Ingress, errors: FieldErrors): void {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  if (rules.length === 0 && defaultBackend === undefined) {
    errors.invalid('spec', spec.rules ?? null, 'either `defaultBackend` or `rules` must be specified');
  }
  if (defaultBackend !== undefined) checkBackend(defaultBackend, errors, 'spec.defaultBackend');
  for (const [i, rule] of rules.entries()) checkIngressRule(rule, errors, `spec.rules[${i}]`);
  for (const [i, { hosts = [], secretName }] of tls.entries()) {
    for (const [j, host] of hosts.entries()) checkHost(host, errors, `spec.tls[${i}].hosts[${j}]`);
    if (secretName) addInvalid(errors, `spec.tls[${i}].secretName`, secretName, nameIsDnsSubdomain(secretName, false));
  }
  if (ingressClassName !== undefined) {
    addInvalid(errors, 'spec.ingressClassName', ingressClassName, nameIsDnsSubdomain(ingressClassName, false));
  }
}

function checkHost(host: string, errors: FieldErrors, field: string): void {
  const found = host.includes('*') ? validateWildcardDns1123Subdomain(host) : validateDns1123Subdomain(host);
  addInvalid(errors, field, host, found);
}

function checkIngressRule(rule: IngressRule, errors: FieldErrors, field: string): void {
  if (rule.host) {
    if (parseIp(rule.host) !== undefined) {
      errors.invalid(`${field}.host`, rule.host, 'must be a DNS name, not an IP address');
    }
    checkHost(rule.host, errors, `${field}.host`);
  }
  if (rule.http === undefined) return;
  const paths = rule.http.paths ?? [];
  if (paths.length === 0) errors.required(`${field}.http.paths`);
  for (const [i, path] of paths.entries()) checkPath(path, errors, `${field}.http.paths[${i}]`);
}

function checkPath({ path = '', pathType, backend }: HTTPIngressPath, errors: FieldErrors, field: string): void {
  if (pathType === undefined) {
    errors.required(`${field}.pathType`, 'pathType must be specified');
    return;
  }
  if (pathType === 'Exact' || pathType === 'Prefix') checkPlainPath(path, errors, `${field}.path`);
  else if (pathType !== 'ImplementationSpecific') {
    errors.notSupported(`${field}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  } else if (path !== '' && !path.startsWith('/')) errors.invalid(`${field}.path`, path, 'must be an absolute path');
  checkBackend(backend ?? {}, errors, `${field}.backend`);
}

function checkPlainPath(path: string, errors: FieldErrors, field: string): void {
  if (!path.startsWith('/')) errors.invalid(field, path, 'must be an absolute path');
  for (const bad of BAD_SEQUENCES) {
    if (path.includes(bad)) errors.invalid(field, path, `must not contain '${bad}'`);
  }
  for (const bad of BAD_SUFFIXES) {
    if (path.endsWith(bad)) errors.invalid(field, path, `cannot end with '${bad}'`);
  }
}

function checkBackend({ service, resource }: IngressBackend, errors: FieldErrors, field: string): void {
  if (service !== undefined && resource !== undefined) {
    errors.invalid(field, '', 'cannot set both resource and service backends');
  } else if (resource !== undefined) checkResourceBackend(resource, errors, `${field}.resource`);
  else if (service !== undefined) checkServiceBackend(service, errors, field);
  else errors.invalid(field, '', 'resource or service backend is required');
}

type ResourceBackend = NonNullable<IngressBackend['resource']>;
type ServiceBackend = NonNullable<IngressBackend['service']>;

function checkResourceBackend({ apiGroup, kind, name }: ResourceBackend, errors: FieldErrors, field: string): void {
  if (apiGroup !== undefined) checkDnsSubdomain(apiGroup, errors, `${field}.apiGroup`);
  for (const [key, value] of Object.entries({ kind, name })) {
    if (!value) errors.required(`${field}.${key}`);
    else addInvalid(errors, `${field}.${key}`, value, validatePathSegmentName(value));
  }
}

/** `field`: of the backend, where upstream tells what the port lacks. */
function checkServiceBackend(service: ServiceBackend, errors: FieldErrors, field: string): void {
  if (!service.name) errors.required(`${field}.service.name`);
  else addInvalid(errors, `${field}.service.name`, service.name, nameIsDnsLabel(service.name, false));
  const { name = '', number = 0 } = service.port ?? {};
  if (name !== '' && number !== 0) errors.invalid(field, '', 'cannot set both port name & port number');
  else if (name !== '') addInvalid(errors, `${field}.service.port.name`, name, validatePortName(name));
  else if (number !== 0) checkPort(number, errors, `${field}.service.port.number`);
  else errors.required(field, 'port name or number is required');
}
