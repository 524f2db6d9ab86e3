/** Probes and lifecycle handlers. Source: kubernetes pkg/apis/core/validation, validateProbe and validateHandler. */
import { validateHttpHeaderName } from '@kapella/api';
import type { Container, HTTPGetAction, LifecycleHandler, PodOS, Probe } from '@kapella/api/types/core-v1';
import type { FieldErrors } from '@kapella/base';
import { addInvalid, checkNotNegative, checkPort, checkPortNumberOrName } from './basic.ts';
import { LINUX_SIGNALS, WINDOWS_SIGNALS } from './signals.ts';

export interface ProbeContext {
  readonly gracePeriodSeconds: number | undefined;
  readonly os: PodOS | undefined;
}

/** All of a container that runs as long as its Pod. */
export function checkProbesAndLifecycle(
  container: Container,
  context: ProbeContext,
  errors: FieldErrors,
  field: string,
): void {
  const { lifecycle, livenessProbe, readinessProbe, startupProbe } = container;
  if (lifecycle?.postStart !== undefined) {
    checkHandler(lifecycle.postStart, context, errors, `${field}.lifecycle.postStart`);
  }
  if (lifecycle?.preStop !== undefined) checkHandler(lifecycle.preStop, context, errors, `${field}.lifecycle.preStop`);
  if (lifecycle?.stopSignal !== undefined) {
    checkStopSignal(lifecycle.stopSignal, context.os, errors, `${field}.lifecycle.stopSignal`);
  }
  if (livenessProbe !== undefined) {
    checkProbe(livenessProbe, context, errors, `${field}.livenessProbe`);
    checkSuccessIsOne(livenessProbe, errors, `${field}.livenessProbe`);
  }
  if (readinessProbe !== undefined) {
    checkProbe(readinessProbe, context, errors, `${field}.readinessProbe`);
    const grace = readinessProbe.terminationGracePeriodSeconds;
    if (grace !== undefined) {
      const why = 'must not be set for readinessProbes';
      errors.invalid(`${field}.readinessProbe.terminationGracePeriodSeconds`, grace, why);
    }
  }
  if (startupProbe !== undefined) {
    checkProbe(startupProbe, context, errors, `${field}.startupProbe`);
    checkSuccessIsOne(startupProbe, errors, `${field}.startupProbe`);
  }
}

function checkSuccessIsOne({ successThreshold }: Probe, errors: FieldErrors, field: string): void {
  if (successThreshold !== 1) errors.invalid(`${field}.successThreshold`, successThreshold ?? 0, 'must be 1');
}

function checkProbe(probe: Probe, context: ProbeContext, errors: FieldErrors, field: string): void {
  checkHandler(probe, context, errors, field);
  const numbers = [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const;
  for (const name of numbers) checkNotNegative(probe[name], errors, `${field}.${name}`);
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0) {
    errors.invalid(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0');
  }
}

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>;

const KINDS = ['exec', 'httpGet', 'tcpSocket', 'grpc', 'sleep'] as const;

function checkHandler(handler: Handler, context: ProbeContext, errors: FieldErrors, field: string): void {
  const [first, ...others] = KINDS.filter((kind) => handler[kind] !== undefined);
  for (const kind of others) errors.forbidden(`${field}.${kind}`, 'may not specify more than 1 handler type');
  const at = `${field}.${first}`;
  switch (first) {
    case undefined:
      errors.required(field, 'must specify a handler type');
      break;
    case 'exec':
      if ((handler.exec?.command?.length ?? 0) === 0) errors.required(`${at}.command`);
      break;
    case 'httpGet':
      if (handler.httpGet !== undefined) checkHttpGet(handler.httpGet, errors, at);
      break;
    case 'tcpSocket':
      checkPortNumberOrName(handler.tcpSocket?.port, errors, `${at}.port`);
      break;
    case 'grpc':
      checkPort(handler.grpc?.port, errors, `${at}.port`);
      break;
    case 'sleep':
      checkSleep(handler.sleep?.seconds ?? 0, context.gracePeriodSeconds, errors, at);
      break;
  }
}

function checkHttpGet(action: HTTPGetAction, errors: FieldErrors, field: string): void {
  if (!action.path) errors.required(`${field}.path`);
  checkPortNumberOrName(action.port, errors, `${field}.port`);
  if (action.scheme !== 'HTTP' && action.scheme !== 'HTTPS') {
    errors.notSupported(`${field}.scheme`, action.scheme ?? '', ['HTTP', 'HTTPS']);
  }
  for (const { name } of action.httpHeaders ?? []) {
    addInvalid(errors, `${field}.httpHeaders`, name, validateHttpHeaderName(name));
  }
}

function checkSleep(seconds: number, graceSeconds: number | undefined, errors: FieldErrors, field: string): void {
  // A bad grace period is told where it is.
  if (graceSeconds === undefined || graceSeconds < 0 || (seconds >= 0 && seconds <= graceSeconds)) return;
  const why = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  errors.invalid(field, seconds, why);
}

function checkStopSignal(signal: string, os: PodOS | undefined, errors: FieldErrors, field: string): void {
  if (os === undefined) errors.forbidden(field, 'may not be set for containers with empty `spec.os.name`');
  else if (os.name === 'windows') {
    if (!WINDOWS_SIGNALS.includes(signal)) errors.notSupported(field, signal, WINDOWS_SIGNALS);
  } else if (os.name === 'linux' && !LINUX_SIGNALS.includes(signal)) errors.notSupported(field, signal, LINUX_SIGNALS);
}
