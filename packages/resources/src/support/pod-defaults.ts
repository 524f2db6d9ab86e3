/** Defaults of Pod specs, shared by Pods and templates. Source: kubernetes pkg/apis/core/v1/defaults.go. */
import type {
  Container,
  EphemeralContainer,
  HTTPGetAction,
  LifecycleHandler,
  PodSpec,
  PodTemplateSpec,
  Probe,
} from '@kapella/api/types/core-v1';
import { defaultPullPolicy } from './image.ts';
import { roundResources } from './resource-list.ts';
import { withFieldRefDefaults, withVolumeDefaults } from './volume-defaults.ts';

/** What holds for Pods and templates alike. */
export function withPodSpecDefaults(spec: PodSpec): PodSpec {
  const account = spec.serviceAccountName || spec.serviceAccount;
  return {
    ...spec,
    ...(spec.volumes && { volumes: spec.volumes.map(withVolumeDefaults) }),
    ...(spec.initContainers && { initContainers: spec.initContainers.map(withContainerDefaults) }),
    containers: (spec.containers ?? []).map(withContainerDefaults),
    ...(spec.ephemeralContainers && { ephemeralContainers: spec.ephemeralContainers.map(withContainerDefaults) }),
    ...(account && { serviceAccountName: account, serviceAccount: account }),
    ...(spec.overhead && { overhead: roundResources(spec.overhead) }),
    ...(spec.resources && {
      resources: {
        ...spec.resources,
        ...(spec.resources.limits && { limits: roundResources(spec.resources.limits) }),
        ...(spec.resources.requests && { requests: roundResources(spec.resources.requests) }),
      },
    }),
    restartPolicy: spec.restartPolicy || 'Always',
    dnsPolicy: spec.dnsPolicy || 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    schedulerName: spec.schedulerName || 'default-scheduler',
  };
}

/** A template keeps its metadata; its spec is defaulted as a Pod's but for what is decided on creation of the Pod. */
export function withTemplateDefaults(template: PodTemplateSpec | undefined): PodTemplateSpec {
  const { spec = { containers: [] } } = template ?? {};
  return { ...template, spec: withPodSpecDefaults(spec) };
}

export function withContainerDefaults<C extends Container | EphemeralContainer>(container: C): C {
  return {
    ...container,
    ...(container.ports && { ports: container.ports.map((p) => ({ ...p, protocol: p.protocol || 'TCP' })) }),
    ...(container.env && {
      env: container.env.map((env) =>
        env.valueFrom === undefined ? env : { ...env, valueFrom: withSourceDefaults(env.valueFrom) },
      ),
    }),
    ...(container.resources && { resources: withRoundedResources(container.resources) }),
    ...(container.livenessProbe && { livenessProbe: withProbeDefaults(container.livenessProbe) }),
    ...(container.readinessProbe && { readinessProbe: withProbeDefaults(container.readinessProbe) }),
    ...(container.startupProbe && { startupProbe: withProbeDefaults(container.startupProbe) }),
    ...(container.lifecycle && {
      lifecycle: {
        ...container.lifecycle,
        ...(container.lifecycle.postStart && { postStart: withHandlerDefaults(container.lifecycle.postStart) }),
        ...(container.lifecycle.preStop && { preStop: withHandlerDefaults(container.lifecycle.preStop) }),
      },
    }),
    terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy || 'File',
    imagePullPolicy: container.imagePullPolicy || defaultPullPolicy(container.image ?? ''),
  };
}

function withRoundedResources(resources: NonNullable<Container['resources']>): NonNullable<Container['resources']> {
  return {
    ...resources,
    ...(resources.limits && { limits: roundResources(resources.limits) }),
    ...(resources.requests && { requests: roundResources(resources.requests) }),
  };
}

type EnvVarSource = NonNullable<NonNullable<Container['env']>[number]['valueFrom']>;

function withSourceDefaults(source: EnvVarSource): EnvVarSource {
  return {
    ...source,
    ...(source.fieldRef && { fieldRef: withFieldRefDefaults(source.fieldRef) }),
    ...(source.resourceFieldRef && {
      resourceFieldRef: { ...source.resourceFieldRef, divisor: source.resourceFieldRef.divisor || '0' },
    }),
    ...(source.fileKeyRef && { fileKeyRef: { ...source.fileKeyRef, optional: source.fileKeyRef.optional ?? false } }),
  };
}

function withProbeDefaults(probe: Probe): Probe {
  return {
    ...probe,
    ...(probe.httpGet && { httpGet: withHttpGetDefaults(probe.httpGet) }),
    ...(probe.grpc && { grpc: { ...probe.grpc, service: probe.grpc.service ?? '' } }),
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  };
}

function withHandlerDefaults(handler: LifecycleHandler): LifecycleHandler {
  return handler.httpGet === undefined ? handler : { ...handler, httpGet: withHttpGetDefaults(handler.httpGet) };
}

function withHttpGetDefaults(action: HTTPGetAction): HTTPGetAction {
  return { ...action, path: action.path || '/', scheme: action.scheme || 'HTTP' };
}
