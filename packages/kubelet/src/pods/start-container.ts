/** Starts one container: image, configuration, create, start, postStart. Source: kuberuntime_container.go (startContainer). */
import { coreV1 } from '@kapella/api';
import type { ConfigMap, Pod, Secret } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import { containerConfig } from '../container/container-config.ts';
import { containerEnv, type EnvSources } from '../container/env.ts';
import { serviceEnv } from '../container/service-env.ts';
import type { ContainerConfig, PodSandboxConfig } from '../cri/config.ts';
import { type CriImage, isCriError } from '../cri/cri.ts';
import { mergeGrants } from '../grants/grants.ts';
import { type AnyContainer, findContainer, latest, type ObservedPod } from '../lifecycle/observed.ts';
import type { MountedVolume } from '../volumes/volume.ts';
import type { PodDeps } from './deps.ts';
import { type PodEvent, podEvents } from './events.ts';
import { runHook } from './hooks.ts';
import { killOne } from './kill.ts';
import { containerDevices, containerMounts } from './mounts.ts';
import { StartError } from './start-error.ts';

export interface StartInput {
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly observed: ObservedPod;
  readonly sandboxId: string;
  readonly sandbox: PodSandboxConfig;
  readonly podIps: readonly string[];
  readonly volumes: ReadonlyMap<string, MountedVolume>;
  readonly hooked: Set<string>;
}

/**
 * `waitCtx` ends the waiting (pull, hook) when the Pod is no longer wanted; calls that make something run under `ctx`,
 * so that what is made is also known. Throws StartError.
 */
export async function startContainer(input: StartInput, deps: PodDeps, waitCtx: Ctx, ctx: Ctx): Promise<void> {
  const { container, pod } = input;
  const event = podEvents(deps.recorder, pod);
  const fail = (reason: string, text: string): StartError => {
    event('Warning', 'Failed', `Error: ${text}`, container.name);
    return new StartError(reason, text);
  };
  const image = await ensureImage(input, deps, event, waitCtx);
  waitCtx.signal.throwIfAborted();
  const config = await configure(input, image, deps, waitCtx).catch((error: unknown) => {
    waitCtx.signal.throwIfAborted();
    throw fail('CreateContainerConfigError', textOf(error));
  });
  waitCtx.signal.throwIfAborted();
  const type = containerTypeOf(pod, container.name);
  deps.metrics?.containerStarted(type);
  const id = await deps.cri.createContainer(input.sandboxId, config, input.sandbox, ctx).catch((error: unknown) => {
    deps.metrics?.containerStartFailed(type, 'CreateContainerError');
    throw fail('CreateContainerError', textOf(error));
  });
  event('Normal', 'Created', 'Container created', container.name);
  await deps.cri.startContainer(id, ctx).catch((error: unknown) => {
    deps.metrics?.containerStartFailed(type, 'RunContainerError');
    throw fail('RunContainerError', textOf(error));
  });
  event('Normal', 'Started', 'Container started', container.name);
  await postStart(input, id, deps, event, waitCtx, ctx);
}

const TYPES = { main: 'container', init: 'init_container', ephemeral: 'ephemeral_container' } as const;
export const containerTypeOf = (pod: Pod, name: string) => TYPES[findContainer(pod.spec, name)?.kind ?? 'main'];

/** The runtime's words without gRPC's frame. */
const textOf = (error: unknown) => (isCriError(error) ? error.description : describeError(error));

async function ensureImage(input: StartInput, deps: PodDeps, event: PodEvent, ctx: Ctx): Promise<CriImage> {
  const { pod, container, sandbox } = input;
  const secrets = await pullSecrets(pod, deps, ctx);
  const policy = container.imagePullPolicy ?? 'IfNotPresent';
  const image = container.image ?? '';
  const onEvent: PodEvent = (type, reason, message) => event(type, reason, message, container.name);
  try {
    for (const volume of input.volumes.values()) {
      if (volume.image === undefined) continue;
      const { reference, policy: ofVolume } = volume.image;
      const request = { pod, image: reference, policy: ofVolume, secrets, sandbox, event: onEvent };
      deps.metrics?.imageVolume('requested');
      await deps.images.ensure(request, ctx).catch((error: unknown) => {
        deps.metrics?.imageVolume('failed');
        throw error;
      });
      deps.metrics?.imageVolume('mounted');
    }
    return await deps.images.ensure({ pod, image, policy, secrets, sandbox, event: onEvent }, ctx);
  } catch (error) {
    if (error instanceof StartError && error.isNew)
      event('Warning', 'Failed', `Error: ${error.reason}`, container.name);
    throw error;
  }
}

/** Secrets that are missing are passed over, as upstream: the pull then says what is wrong. */
async function pullSecrets({ spec, metadata }: Pod, deps: PodDeps, ctx: Ctx): Promise<readonly Secret[]> {
  const secrets: Secret[] = [];
  for (const { name } of spec.imagePullSecrets ?? []) {
    if (!name) continue;
    const secret = await deps.objects
      .get<Secret>(coreV1.Secret, metadata.namespace ?? '', name, ctx)
      .catch(() => undefined);
    if (secret !== undefined) secrets.push(secret);
  }
  return secrets;
}

async function configure(input: StartInput, image: CriImage, deps: PodDeps, ctx: Ctx): Promise<ContainerConfig> {
  const { pod, container, observed, podIps, volumes } = input;
  const { settings, files } = deps;
  const sources = await envSources(input, deps, ctx);
  const env = containerEnv(pod, container, { hostIps: settings.hostIps, podIps }, sources);
  const mounts = await containerMounts({ pod, container, volumes, env, podIps, settings, files, random: ctx.random });
  const grants = mergeGrants([(await deps.grants?.grantsOf(pod, container, ctx)) ?? {}]);
  const before = latest(observed, container.name);
  const restartCount = before === undefined ? await countByLogs(input, deps) : before.restartCount + 1;
  await files.mkdir(`${input.sandbox.logDirectory}/${container.name}`, 0o755);
  const targetId = targetOf(container, observed);
  return containerConfig({
    pod,
    container,
    restartCount,
    imageRef: image.id,
    imageUser: imageUser(image),
    env: new Map([...Object.entries(grants.envs), ...env]),
    mounts: [...mounts, ...grants.mounts],
    devices: [...containerDevices(container, volumes), ...grants.devices],
    grants,
    limits: settings.limits,
    seccompDir: settings.seccompDir,
    seccompDefault: settings.seccompDefault ?? false,
    userns: input.sandbox.linux.securityContext.namespaceOptions.usernsOptions,
    ...(targetId === undefined ? {} : { targetId }),
  });
}

function imageUser({ uid, username }: CriImage) {
  if (uid !== undefined) return { uid, username: '' };
  return username === '' ? { uid: 0, username: '' } : { username };
}

/** The runtime may have forgotten earlier instances; their logs remember. */
async function countByLogs({ sandbox, container }: StartInput, { files }: PodDeps): Promise<number> {
  const names = (await files.list(`${sandbox.logDirectory}/${container.name}`)) ?? [];
  const counts = names.map((name) => /^(\d+)\.log/.exec(name)?.[1]).filter((text) => text !== undefined);
  return counts.length === 0 ? 0 : Math.max(...counts.map(Number)) + 1;
}

function targetOf(container: AnyContainer, observed: ObservedPod): string | undefined {
  const name = 'targetContainerName' in container ? container.targetContainerName : undefined;
  if (!name) return undefined;
  const target = latest(observed, name);
  if (target === undefined) throw new Error(`unable to find target container ${name}`);
  return target.id;
}

/** What the environment refers to, fetched before the pure part. */
async function envSources(input: StartInput, deps: PodDeps, ctx: Ctx): Promise<EnvSources> {
  const { pod, container, volumes } = input;
  const namespace = pod.metadata.namespace ?? '';
  const configMaps = new Map<string, ConfigMap>();
  const secrets = new Map<string, Secret>();
  const envFiles = new Map<string, string>();
  const configMap = async (name: string) => {
    const found = await deps.objects.get<ConfigMap>(coreV1.ConfigMap, namespace, name, ctx);
    if (found !== undefined) configMaps.set(name, found);
  };
  const secret = async (name: string) => {
    const found = await deps.objects.get<Secret>(coreV1.Secret, namespace, name, ctx);
    if (found !== undefined) secrets.set(name, found);
  };
  const envFile = async (volume: string, path: string) => {
    const root = volumes.get(volume)?.hostPath;
    const bytes = root === undefined ? undefined : await deps.files.read(`${root}/${path}`);
    if (bytes !== undefined) envFiles.set(`${volume}\n${path}`, new TextDecoder().decode(bytes));
  };
  for (const from of container.envFrom ?? []) {
    if (from.configMapRef?.name) await configMap(from.configMapRef.name);
    if (from.secretRef?.name) await secret(from.secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) await configMap(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) await secret(valueFrom.secretKeyRef.name);
    if (valueFrom?.fileKeyRef) await envFile(valueFrom.fileKeyRef.volumeName, valueFrom.fileKeyRef.path);
  }
  return {
    configMap: (name) => configMaps.get(name),
    secret: (name) => secrets.get(name),
    envFile: (volume, path) => envFiles.get(`${volume}\n${path}`),
    services: serviceEnv(await deps.services(ctx), namespace, pod.spec.enableServiceLinks !== false),
    node: deps.settings.allocatable,
  };
}

async function postStart(
  input: StartInput,
  containerId: string,
  deps: PodDeps,
  event: PodEvent,
  waitCtx: Ctx,
  ctx: Ctx,
): Promise<void> {
  const { pod, container, podIps } = input;
  const handler = container.lifecycle?.postStart;
  if (handler === undefined || findContainer(pod.spec, container.name)?.kind === 'ephemeral') return;
  const podIp = podIps[0] ?? '';
  try {
    await runHook(handler, { cri: deps.cri, http: deps.httpHook, pod, container, containerId, podIp }, waitCtx);
  } catch (error) {
    waitCtx.signal.throwIfAborted();
    event('Warning', 'FailedPostStartHook', 'PostStartHook failed', container.name);
    const kill = {
      containerId,
      name: container.name,
      message: 'FailedPostStartHook',
      reason: 'FailedPostStartHook',
    } as const;
    await killOne({ pod, observed: input.observed, podIp, hooked: input.hooked }, kill, deps, ctx);
    throw new StartError('PostStartHookError', describeError(error));
  }
}
