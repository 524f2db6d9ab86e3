/** Kinds of admissionregistration.k8s.io, for the table of the package. */
export { mutatingAdmissionPolicyResource } from './mutatingadmissionpolicy/mutatingadmissionpolicy.resource.ts';
export { mutatingAdmissionPolicyBindingResource } from './mutatingadmissionpolicybinding/mutatingadmissionpolicybinding.resource.ts';
export { mutatingWebhookConfigurationResource } from './mutatingwebhookconfiguration/mutatingwebhookconfiguration.resource.ts';
export { validatingAdmissionPolicyResource } from './validatingadmissionpolicy/validatingadmissionpolicy.resource.ts';
export { validatingAdmissionPolicyBindingResource } from './validatingadmissionpolicybinding/validatingadmissionpolicybinding.resource.ts';
export { validatingWebhookConfigurationResource } from './validatingwebhookconfiguration/validatingwebhookconfiguration.resource.ts';
