/** networking.k8s.io/v1 IngressClass, as the API server sees it. Source: kubernetes pkg/registry/networking/ingressclass. */
import type { IngressClass } from '@kapella/api/types/networking-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn } from '../../support/columns.ts';
import { validateIngressClass, validateIngressClassUpdate } from './ingressclass.validate.ts';

export const ingressClassResource = defineResource<IngressClass>({
  id: {
    group: 'networking.k8s.io',
    version: 'v1',
    kind: 'IngressClass',
    plural: 'ingressclasses',
    singular: 'ingressclass',
  },
  scope: 'cluster',
  generationBumpsOn: ['spec'],
  columns: [
    { name: 'Name', format: 'name', value: nameText },
    { name: 'Controller', value: ({ spec }) => spec.controller ?? '' },
    { name: 'Parameters', value: parametersText },
    ageColumn(),
  ],
  withDefaults(item) {
    const { parameters } = item.spec ?? {};
    if (parameters === undefined) return { ...item, spec: item.spec ?? {} };
    return { ...item, spec: { ...item.spec, parameters: { ...parameters, scope: parameters.scope ?? 'Cluster' } } };
  },
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
  allowUnconditionalUpdate: true,
});

const DEFAULT_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class';

function nameText({ metadata }: IngressClass): string {
  return metadata.annotations?.[DEFAULT_ANNOTATION] === 'true' ? `${metadata.name} (default)` : metadata.name;
}

function parametersText({ spec: { parameters } }: IngressClass): string {
  if (parameters === undefined) return '<none>';
  const group = parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
  return `${parameters.kind}${group}/${parameters.name}`;
}
