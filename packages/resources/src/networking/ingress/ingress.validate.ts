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
  const absolute = path.startsWith('/');
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!absolute) errors.invalid(`${field}.path`, path, 'must be an absolute path');
    for (const bad of BAD_SEQUENCES) {
      if (path.includes(bad)) errors.invalid(`${field}.path`, path, `must not contain '${bad}'`);
    }
    for (const bad of BAD_SUFFIXES) {
      if (path.endsWith(bad)) errors.invalid(`${field}.path`, path, `cannot end with '${bad}'`);
    }
  } else if (pathType === 'ImplementationSpecific') {
    if (path !== '' && !absolute) errors.invalid(`${field}.path`, path, 'must be an absolute path');
  } else errors.notSupported(`${field}.pathType`, pathType, ['Exact', 'ImplementationSpecific', 'Prefix']);
  checkBackend(backend ?? {}, errors, `${field}.backend`);
}

function checkBackend({ service, resource }: IngressBackend, errors: FieldErrors, field: string): void {
  if (service !== undefined && resource !== undefined) {
    errors.invalid(field, '', 'cannot set both resource and service backends');
  } else if (resource !== undefined) {
    const { apiGroup, kind, name } = resource;
    if (apiGroup !== undefined) checkDnsSubdomain(apiGroup, errors, `${field}.resource.apiGroup`);
    for (const [key, value] of Object.entries({ kind, name })) {
      if (!value) errors.required(`${field}.resource.${key}`);
      else addInvalid(errors, `${field}.resource.${key}`, value, validatePathSegmentName(value));
    }
  } else if (service !== undefined) {
    if (!service.name) errors.required(`${field}.service.name`);
    else addInvalid(errors, `${field}.service.name`, service.name, nameIsDnsLabel(service.name, false));
    const { name = '', number = 0 } = service.port ?? {};
    if (name !== '' && number !== 0) errors.invalid(field, '', 'cannot set both port name & port number');
    else if (name !== '') addInvalid(errors, `${field}.service.port.name`, name, validatePortName(name));
    else if (number !== 0) checkPort(number, errors, `${field}.service.port.number`);
    else errors.required(field, 'port name or number is required');
  } else errors.invalid(field, '', 'resource or service backend is required');
}
