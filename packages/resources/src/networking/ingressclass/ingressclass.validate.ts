/** Rules for IngressClasses. Source: kubernetes pkg/apis/networking/validation. */
import { nameIsDnsLabel, validateDomainPrefixedPath, validatePathSegmentName } from '@kapella/api';
import type { IngressClass } from '@kapella/api/types/networking-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkDnsSubdomain } from '../../support/validation/basic.ts';

const CONTROLLER_LENGTH_MAX = 250;

export function validateIngressClass({ spec }: IngressClass, errors: FieldErrors): void {
  const { controller = '', parameters } = spec;
  if (controller.length > CONTROLLER_LENGTH_MAX) errors.tooLong('spec.controller', CONTROLLER_LENGTH_MAX);
  if (controller === '') errors.required('spec.controller');
  else addInvalid(errors, 'spec.controller', controller, validateDomainPrefixedPath(controller));
  if (parameters !== undefined) checkParameters(parameters, errors);
}

type Parameters = NonNullable<IngressClass['spec']['parameters']>;

function checkParameters({ apiGroup, kind, name, scope, namespace }: Parameters, errors: FieldErrors): void {
  const field = 'spec.parameters';
  if (apiGroup !== undefined) checkDnsSubdomain(apiGroup, errors, `${field}.apiGroup`);
  for (const [key, value] of Object.entries({ kind, name })) {
    if (!value) errors.required(`${field}.${key}`);
    else addInvalid(errors, `${field}.${key}`, value, validatePathSegmentName(value));
  }
  if (scope === undefined) errors.required(`${field}.scope`);
  else if (scope !== 'Cluster' && scope !== 'Namespace') {
    errors.notSupported(`${field}.scope`, scope, ['Cluster', 'Namespace']);
  } else if (scope === 'Namespace') {
    if (namespace === undefined) errors.required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'");
    else addInvalid(errors, `${field}.namespace`, namespace, nameIsDnsLabel(namespace, false));
  } else if (namespace !== undefined) {
    errors.forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'");
  }
}

export function validateIngressClassUpdate(next: IngressClass, old: IngressClass, errors: FieldErrors): void {
  errors.immutable('spec.controller', next.spec.controller ?? '', old.spec.controller);
  validateIngressClass(next, errors);
}
