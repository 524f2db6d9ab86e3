/** Rules for Services. Source: kubernetes pkg/apis/core/validation/validation.go, validateService. */
import { validateCidrForLegacyField, validateLabels } from '@kapella/api';
import type { Service, ServicePort } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import {
  addInvalid,
  checkDnsLabel,
  checkDnsSubdomain,
  checkEndpointIp,
  checkEnum,
  checkIp,
  checkPort,
  checkPortNumberOrName,
  checkQualifiedName,
  PROTOCOLS,
} from '../../support/validation/basic.ts';
import { checkClusterIps, checkClusterIpsUpdate } from './service.validate-ips.ts';
import { isExternallyAccessible, needsHealthCheckPort } from './service.families.ts';

const AFFINITY_SECONDS_MAX = 86_400;
const LB_ONLY = "may only be used when `type` is 'LoadBalancer'";
const EXTERNAL_NAME_ONLY = 'may not be set for ExternalName services';

export function validateService(service: Service, errors: FieldErrors): void {
  checkService(service, undefined, errors);
}

export function validateServiceUpdate(next: Service, old: Service, errors: FieldErrors): void {
  checkClusterIpsUpdate(next, old, errors);
  const isBalanced = (service: Service) => service.spec.type === 'LoadBalancer';
  if (isBalanced(old) && isBalanced(next) && old.spec.loadBalancerClass !== next.spec.loadBalancerClass) {
    errors.invalid('spec.loadBalancerClass', next.spec.loadBalancerClass, 'may not change once set');
  }
  if (needsHealthCheckPort(old) && needsHealthCheckPort(next)) {
    const given = next.spec.healthCheckNodePort;
    if (given && given !== old.spec.healthCheckNodePort)
      errors.forbidden('spec.healthCheckNodePort', 'field is immutable');
  }
  checkService(next, old, errors);
}

function checkService(service: Service, old: Service | undefined, errors: FieldErrors): void {
  const { spec } = service;
  checkTopologyAnnotations(service, errors);
  const headless = spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === 'None';
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !headless && spec.type !== 'ExternalName') errors.required('spec.ports');
  checkType(service, headless, errors);
  const names = new Set<string>();
  for (const [i, port] of ports.entries()) checkServicePort(port, ports.length > 1, names, errors, `spec.ports[${i}]`);
  if (spec.selector !== undefined) validateLabels(spec.selector, errors, 'spec.selector');
  checkAffinity(service, errors);
  checkClusterIps(service, old, errors);
  for (const [i, ip] of (spec.externalIPs ?? []).entries()) {
    const field = `spec.externalIPs[${i}]`;
    if (checkIp(ip, errors, field, old?.spec.externalIPs)) checkEndpointIp(ip, errors, field);
  }
  checkEnum(spec.type, ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'], errors, 'spec.type', true);
  checkPortsTogether(service, errors);
  checkLoadBalancer(service, old, errors);
  checkTraffic(service, errors);
}

function checkTopologyAnnotations({ metadata }: Service, errors: FieldErrors): void {
  const hints = 'service.kubernetes.io/topology-aware-hints';
  const mode = 'service.kubernetes.io/topology-mode';
  const { [hints]: hintsValue, [mode]: modeValue } = metadata.annotations ?? {};
  if (hintsValue !== undefined && modeValue !== undefined && hintsValue !== modeValue) {
    const why = `must match annotations[${hints}] when both are specified`;
    errors.invalid(`metadata.annotations[${mode}]`, modeValue, why);
  }
}

function checkType({ spec }: Service, headless: boolean, errors: FieldErrors): void {
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && headless) {
    errors.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`);
  }
  if (spec.type !== 'ExternalName') return;
  if ((spec.clusterIPs?.length ?? 0) > 0) errors.forbidden('spec.clusterIPs', EXTERNAL_NAME_ONLY);
  if ((spec.ipFamilies?.length ?? 0) > 0) errors.forbidden('spec.ipFamilies', EXTERNAL_NAME_ONLY);
  if (spec.ipFamilyPolicy !== undefined) errors.forbidden('spec.ipFamilyPolicy', EXTERNAL_NAME_ONLY);
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.required('spec.externalName');
  else checkDnsSubdomain(name, errors, 'spec.externalName');
}

function checkServicePort(
  port: ServicePort,
  requireName: boolean,
  names: Set<string>,
  errors: FieldErrors,
  field: string,
): void {
  const { name = '' } = port;
  if (requireName && name === '') errors.required(`${field}.name`);
  else if (name !== '') {
    checkDnsLabel(name, errors, `${field}.name`);
    if (names.has(name)) errors.duplicate(`${field}.name`, name);
    names.add(name);
  }
  checkPort(port.port, errors, `${field}.port`);
  checkEnum(port.protocol, PROTOCOLS, errors, `${field}.protocol`, true);
  checkPortNumberOrName(port.targetPort, errors, `${field}.targetPort`);
  if (port.appProtocol !== undefined) checkQualifiedName(port.appProtocol, errors, `${field}.appProtocol`);
}

function checkAffinity({ spec }: Service, errors: FieldErrors): void {
  checkEnum(spec.sessionAffinity, ['ClientIP', 'None'], errors, 'spec.sessionAffinity', true);
  const field = 'spec.sessionAffinityConfig';
  const config = spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'None' && config !== undefined) {
    errors.forbidden(field, 'must not be set when session affinity is None');
  }
  if (spec.sessionAffinity !== 'ClientIP') return;
  const why = 'when session affinity type is ClientIP';
  const seconds = config?.clientIP?.timeoutSeconds;
  if (config === undefined) errors.required(field, why);
  else if (config.clientIP === undefined) errors.required(`${field}.clientIP`, why);
  else if (seconds === undefined) errors.required(`${field}.clientIP.timeoutSeconds`, why);
  else if (seconds <= 0 || seconds > AFFINITY_SECONDS_MAX) {
    const range = `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`;
    errors.invalid(`${field}.clientIP.timeoutSeconds`, seconds, range);
  }
}

function checkPortsTogether({ spec }: Service, errors: FieldErrors): void {
  const seenNodePorts = new Set<string>();
  const seenPorts = new Set<string>();
  for (const [i, { protocol, nodePort }] of (spec.ports ?? []).entries()) {
    if (!nodePort) continue;
    const field = `spec.ports[${i}].nodePort`;
    if (spec.type === 'ClusterIP') errors.forbidden(field, "may not be used when `type` is 'ClusterIP'");
    const key = `${protocol}/${nodePort}`;
    if (seenNodePorts.has(key)) errors.duplicate(field, nodePort);
    seenNodePorts.add(key);
  }
  for (const [i, { protocol, port }] of (spec.ports ?? []).entries()) {
    const key = `${protocol}/${port}`;
    if (seenPorts.has(key)) errors.duplicate(`spec.ports[${i}]`, duplicatePort(protocol, port));
    seenPorts.add(key);
  }
}

/** As upstream prints its internal port: all fields, with Go's names. */
function duplicatePort(protocol: string | undefined, port: number): object {
  return { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
}

const SOURCE_RANGES = 'service.beta.kubernetes.io/load-balancer-source-ranges';

function checkLoadBalancer(service: Service, old: Service | undefined, errors: FieldErrors): void {
  const { spec } = service;
  const balanced = spec.type === 'LoadBalancer';
  if ((spec.loadBalancerSourceRanges ?? []).length > 0) checkSourceRanges(service, old, errors);
  else checkSourceAnnotation(service, old, errors);
  if (spec.allocateLoadBalancerNodePorts !== undefined && !balanced) {
    errors.forbidden('spec.allocateLoadBalancerNodePorts', LB_ONLY);
  }
  if (spec.loadBalancerClass === undefined) return;
  if (balanced) checkQualifiedName(spec.loadBalancerClass, errors, 'spec.loadBalancerClass');
  else errors.forbidden('spec.loadBalancerClass', LB_ONLY);
}

function checkSourceRanges({ spec }: Service, old: Service | undefined, errors: FieldErrors): void {
  const field = 'spec.LoadBalancerSourceRanges';
  if (spec.type !== 'LoadBalancer') errors.forbidden(field, LB_ONLY);
  const existing = (old?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim());
  for (const [i, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    addInvalid(errors, `${field}[${i}]`, range.trim(), validateCidrForLegacyField(range.trim(), existing));
  }
}

/** The annotation that the field replaces. */
function checkSourceAnnotation({ spec, metadata }: Service, old: Service | undefined, errors: FieldErrors): void {
  const annotation = metadata.annotations?.[SOURCE_RANGES];
  if (annotation === undefined) return;
  const field = `metadata.annotations[${SOURCE_RANGES}]`;
  if (spec.type !== 'LoadBalancer') errors.forbidden(field, LB_ONLY);
  if (annotation.trim() === '' || old?.metadata.annotations?.[SOURCE_RANGES] === annotation) return;
  for (const range of annotation.split(',')) {
    addInvalid(errors, field, range.trim(), validateCidrForLegacyField(range.trim()));
  }
}

function checkTraffic(service: Service, errors: FieldErrors): void {
  const { spec } = service;
  if (isExternallyAccessible(service)) {
    checkEnum(spec.externalTrafficPolicy, ['Cluster', 'Local'], errors, 'spec.externalTrafficPolicy', true);
  } else if (spec.externalTrafficPolicy) {
    const why = 'may only be set for externally-accessible services';
    errors.invalid('spec.externalTrafficPolicy', spec.externalTrafficPolicy, why);
  }
  const checkPortNumber = spec.healthCheckNodePort;
  if (checkPortNumber && needsHealthCheckPort(service)) checkPort(checkPortNumber, errors, 'spec.healthCheckNodePort');
  else if (checkPortNumber) {
    const why = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    errors.invalid('spec.healthCheckNodePort', checkPortNumber, why);
  }
  checkEnum(spec.internalTrafficPolicy, ['Cluster', 'Local'], errors, 'spec.internalTrafficPolicy');
  const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];
  const distribution = spec.trafficDistribution;
  if (distribution !== undefined && !distributions.includes(distribution)) {
    errors.notSupported('spec.trafficDistribution', distribution, distributions);
  }
}
