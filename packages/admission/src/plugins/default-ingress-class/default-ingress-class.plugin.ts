/** Ingresses without a class get the default one. Source: kubernetes plugin/pkg/admission/network/defaultingressclass. */
import { networkingV1 } from '@kapella/api';
import type { Ingress } from '@kapella/api/types/networking-v1';
import type { AdmissionPlugin } from '@kapella/apiserver';
import { newestDefault } from '../../support/default-class.ts';
import { asObject, isFor, withSpec } from '../../support/request.ts';

const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const DEFAULT_ANNOTATION = 'ingressclass.kubernetes.io/is-default-class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  handles: (request) =>
    request.operation === 'CREATE' && isFor(request, 'ingresses', 'networking.k8s.io') && request.subresource === '',

  async admit(request, server) {
    const ingress = withSpec<Ingress>(request.object);
    const named = ingress.spec.ingressClassName ?? ingress.metadata.annotations?.[CLASS_ANNOTATION];
    if (named !== undefined) return undefined;
    const found = newestDefault(await server.list(networkingV1.IngressClass), [DEFAULT_ANNOTATION]);
    if (found === undefined) return undefined;
    return asObject({ ...ingress, spec: { ...ingress.spec, ingressClassName: found.metadata.name } });
  },
};
