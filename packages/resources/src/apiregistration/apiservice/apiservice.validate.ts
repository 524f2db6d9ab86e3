/** Rules for APIServices. Source: kube-aggregator pkg/apis/apiregistration/validation. */
import { validateDns1035Label, validateDns1123Subdomain } from '@kapella/api';
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import type { FieldErrors } from '@kapella/base';

const GROUP_PRIORITY_MAX = 20_000;
const VERSION_PRIORITY_MAX = 1_000;
const PORT_MAX = 65_535;
const STATUSES = ['False', 'True', 'Unknown'];

export function validateApiService({ metadata, spec }: APIService, errors: FieldErrors): void {
  const { group = '', version = '', groupPriorityMinimum = 0, versionPriority = 0, service } = spec ?? {};
  checkName(metadata.name ?? '', `${version}.${group}`, errors);
  if (group === '' && version !== 'v1') {
    errors.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  }
  if (group !== '') for (const why of validateDns1123Subdomain(group)) errors.invalid('spec.group', group, why);
  for (const why of validateDns1035Label(version)) errors.invalid('spec.version', version, why);
  if (groupPriorityMinimum <= 0 || groupPriorityMinimum > GROUP_PRIORITY_MAX) {
    errors.invalid('spec.groupPriorityMinimum', groupPriorityMinimum, 'must be positive and less than 20000');
  }
  if (versionPriority <= 0 || versionPriority > VERSION_PRIORITY_MAX) {
    errors.invalid('spec.versionPriority', versionPriority, 'must be positive and less than 1000');
  }
  if (service === undefined) checkLocal(spec ?? {}, errors);
  else checkRemote(spec, service, errors);
}

function checkName(name: string, wanted: string, errors: FieldErrors): void {
  if (name === wanted) return;
  errors.invalid('metadata.name', name, `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(wanted)}`);
}

type Spec = NonNullable<APIService['spec']>;
type Trust = Pick<Spec, 'caBundle' | 'insecureSkipTLSVerify'>;

function checkLocal({ caBundle = '', insecureSkipTLSVerify = false }: Trust, errors: FieldErrors): void {
  if (caBundle !== '') {
    const bytes = Math.floor((caBundle.replace(/=+$/, '').length * 3) / 4);
    errors.invalid('spec.caBundle', `${bytes} bytes`, 'local APIServices may not have a caBundle');
  }
  if (insecureSkipTLSVerify) {
    errors.invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify');
  }
}

function checkRemote(
  { caBundle = '', insecureSkipTLSVerify = false }: Trust,
  { namespace, name, port = 0 }: NonNullable<Spec['service']>,
  errors: FieldErrors,
): void {
  if (!namespace) errors.required('spec.service.namespace');
  if (!name) errors.required('spec.service.name');
  if (port < 1 || port > PORT_MAX) {
    errors.invalid('spec.service.port', port, 'port is not valid: must be between 1 and 65535, inclusive');
  }
  if (insecureSkipTLSVerify && caBundle !== '') {
    errors.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present');
  }
}

export function validateApiServiceStatus({ status }: APIService, _old: APIService, errors: FieldErrors): void {
  for (const [i, condition] of (status?.conditions ?? []).entries()) {
    if (STATUSES.includes(condition.status)) continue;
    errors.notSupported(`status.conditions[${i}].status`, condition.status, STATUSES);
  }
}
