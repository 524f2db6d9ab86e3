/** Containers of Pods. Source: kubernetes pkg/apis/core/validation, validateContainers and following. */
import { validatePortName } from '@kapella/api';
import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkDnsLabel, checkEnum, checkPort, PROTOCOLS } from './basic.ts';
import { checkEnv, checkEnvFrom } from './env.ts';
import { checkMounts, type Volumes } from './mounts.ts';
import { checkProbesAndLifecycle, type ProbeContext } from './probes.ts';
import { checkResourceRequirements } from './requirements.ts';
import { checkContainerSecurity } from './security.ts';

export interface ContainerContext extends ProbeContext {
  readonly volumes: Volumes;
  readonly claims: ReadonlySet<string>;
  readonly hostUsers: boolean;
  readonly spec: PodSpec;
}

const RULES_MAX = 20;
const EXIT_CODES_MAX = 255;

export function checkContainers(context: ContainerContext, errors: FieldErrors, field: string): void {
  const { containers } = context.spec;
  if (containers.length === 0) {
    errors.required(field);
    return;
  }
  const names = new Set<string>();
  for (const [i, container] of containers.entries()) {
    const at = `${field}[${i}]`;
    checkCommon(container, context, errors, at);
    if (names.has(container.name)) errors.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    checkProbesAndLifecycle(container, context, errors, at);
    checkRestart(container, errors, at);
  }
  checkHostPorts(containers, errors, field);
}

export function checkInitContainers(context: ContainerContext, errors: FieldErrors, field: string): void {
  const names = new Set(context.spec.containers.map((container) => container.name));
  for (const [i, container] of (context.spec.initContainers ?? []).entries()) {
    const at = `${field}[${i}]`;
    checkCommon(container, context, errors, at);
    checkRestart(container, errors, at);
    if (names.has(container.name)) errors.duplicate(`${at}.name`, container.name);
    else if (container.name) names.add(container.name);
    checkHostPorts([container], errors, field);
    if (container.restartPolicy === 'Always') checkProbesAndLifecycle(container, context, errors, at);
    else checkPlainInit(container, errors, at);
  }
}

/** An init container that ends has no use for what watches a running one. */
function checkPlainInit(container: Container, errors: FieldErrors, field: string): void {
  for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[name] === undefined) continue;
    errors.forbidden(`${field}.${name}`, 'may not be set for init containers without restartPolicy=Always');
  }
  for (const [i, policy] of (container.resizePolicy ?? []).entries()) {
    if (policy.restartPolicy !== 'RestartContainer') continue;
    const why = "must not be set to 'RestartContainer' for non-sidecar initContainers";
    errors.invalid(`${field}.resizePolicy[${i}].restartPolicy`, policy.restartPolicy, why);
  }
}

const EPHEMERAL_FIELDS: ReadonlySet<string> = new Set([
  'name',
  'image',
  'command',
  'args',
  'workingDir',
  'envFrom',
  'env',
  'volumeMounts',
  'volumeDevices',
  'terminationMessagePath',
  'terminationMessagePolicy',
  'imagePullPolicy',
  'securityContext',
  'stdin',
  'stdinOnce',
  'tty',
  'targetContainerName',
]);
const NOT_EPHEMERAL = 'cannot be set for an Ephemeral Container';

export function checkEphemeralContainers(context: ContainerContext, errors: FieldErrors, field: string): void {
  const { containers, initContainers = [], ephemeralContainers = [] } = context.spec;
  const others = new Set([...containers, ...initContainers].map((container) => container.name));
  const names = new Set(others);
  for (const [i, container] of ephemeralContainers.entries()) {
    const at = `${field}[${i}]`;
    checkCommon(container as Container, context, errors, at);
    checkImageSpace(container as Container, errors, at);
    if (names.has(container.name)) errors.duplicate(`${at}.name`, container.name);
    names.add(container.name);
    const target = container.targetContainerName;
    if (target && !others.has(target)) errors.notFound(`${at}.targetContainerName`, target);
    checkEphemeralFields(container, errors, at);
  }
}

function checkEphemeralFields(container: EphemeralContainer, errors: FieldErrors, field: string): void {
  for (const name of Object.keys(container)) {
    if (EPHEMERAL_FIELDS.has(name) || isZero(container[name as keyof EphemeralContainer])) continue;
    errors.forbidden(`${field}.${name}`, NOT_EPHEMERAL);
  }
  for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
    if (mount.subPath) errors.forbidden(`${field}.volumeMounts[${j}].subPath`, NOT_EPHEMERAL);
    if (mount.subPathExpr) errors.forbidden(`${field}.volumeMounts[${j}].subPathExpr`, NOT_EPHEMERAL);
  }
}

function isZero(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0);
}

export function checkImageSpace({ image = '' }: Container, errors: FieldErrors, field: string): void {
  if (image.trim() !== image) errors.invalid(`${field}.image`, image, 'must not have leading or trailing whitespace');
}

function checkCommon(container: Container, context: ContainerContext, errors: FieldErrors, field: string): void {
  if (!container.name) errors.required(`${field}.name`);
  else checkDnsLabel(container.name, errors, `${field}.name`);
  if (!container.image) errors.required(`${field}.image`);
  const message = container.terminationMessagePolicy;
  if (!message) errors.required(`${field}.terminationMessagePolicy`);
  else if (message !== 'File' && message !== 'FallbackToLogsOnError') {
    errors.notSupported(`${field}.terminationMessagePolicy`, message, ['File', 'FallbackToLogsOnError']);
  }
  checkContainerPorts(container.ports ?? [], errors, `${field}.ports`);
  checkEnv(container.env ?? [], errors, `${field}.env`);
  checkEnvFrom(container.envFrom ?? [], errors, `${field}.envFrom`);
  checkMounts(container, context.volumes, errors, field);
  checkEnum(container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'], errors, `${field}.imagePullPolicy`, true);
  checkResourceRequirements(container.resources ?? {}, context.claims, errors, `${field}.resources`);
  checkResizePolicy(container, context.spec.restartPolicy, errors, `${field}.resizePolicy`);
  checkContainerSecurity(container.securityContext, context.hostUsers, errors, `${field}.securityContext`);
}

function checkContainerPorts(ports: readonly ContainerPort[], errors: FieldErrors, field: string): void {
  const names = new Set<string>();
  for (const [i, { name, containerPort, hostPort, protocol }] of ports.entries()) {
    const at = `${field}[${i}]`;
    if (name) {
      const wrong = validatePortName(name);
      addInvalid(errors, `${at}.name`, name, wrong);
      if (wrong.length === 0 && names.has(name)) errors.duplicate(`${at}.name`, name);
      names.add(name);
    }
    if (!containerPort) errors.required(`${at}.containerPort`);
    else checkPort(containerPort, errors, `${at}.containerPort`);
    if (hostPort) checkPort(hostPort, errors, `${at}.hostPort`);
    checkEnum(protocol, PROTOCOLS, errors, `${at}.protocol`, true);
  }
}

function checkHostPorts(containers: readonly Container[], errors: FieldErrors, field: string): void {
  const taken = new Set<string>();
  for (const [i, { ports = [] }] of containers.entries()) {
    for (const [j, { protocol, hostIP = '', hostPort }] of ports.entries()) {
      if (!hostPort) continue;
      const place = `${protocol}/${hostIP}/${hostPort}`;
      if (taken.has(place)) errors.duplicate(`${field}[${i}].ports[${j}].hostPort`, place);
      taken.add(place);
    }
  }
}

function checkRestart(container: Container, errors: FieldErrors, field: string): void {
  const { restartPolicy: policy, restartPolicyRules: rules = [] } = container;
  if (policy === undefined) {
    if (rules.length > 0) {
      errors.required(`${field}.restartPolicy`, 'must specify restartPolicy when restart rules are used');
    }
  } else checkEnum(policy || ' ', ['Always', 'Never', 'OnFailure'], errors, `${field}.restartPolicy`);
  if (rules.length > RULES_MAX) errors.tooMany(`${field}.restartPolicyRules`, rules.length, RULES_MAX);
  for (const [i, { action, exitCodes }] of rules.entries()) {
    const at = `${field}.restartPolicyRules[${i}]`;
    checkEnum(action || ' ', ['Restart', 'RestartAllContainers'], errors, `${at}.action`);
    if (exitCodes === undefined) {
      errors.required(`${at}.exitCodes`, 'must be specified');
      continue;
    }
    checkEnum(exitCodes.operator || ' ', ['In', 'NotIn'], errors, `${at}.exitCodes.operator`);
    const count = exitCodes.values?.length ?? 0;
    if (count > EXIT_CODES_MAX) errors.tooMany(`${at}.exitCodes.values`, count, EXIT_CODES_MAX);
  }
}

function checkResizePolicy(
  { resizePolicy = [] }: Container,
  podPolicy: string | undefined,
  errors: FieldErrors,
  field: string,
): void {
  const seen = new Set<string>();
  for (const [i, { resourceName, restartPolicy }] of resizePolicy.entries()) {
    if (seen.has(resourceName)) errors.duplicate(`${field}[${i}]`, resourceName);
    seen.add(resourceName);
    checkEnum(resourceName, ['cpu', 'memory'], errors, field, true);
    checkEnum(restartPolicy, ['NotRequired', 'RestartContainer'], errors, field, true);
    if (podPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      errors.invalid(field, restartPolicy, "must be 'NotRequired' when pod `restartPolicy` is 'Never'");
    }
  }
}
