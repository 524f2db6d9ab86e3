/** What the runtime is told about a container. Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { ContainerConfig, DeviceConfig, MountConfig } from '../cri/config.ts';
import type { ContainerGrants } from '../grants/grants.ts';
import { containerAnnotations, containerLabels } from '../lifecycle/labels.ts';
import type { AnyContainer } from '../lifecycle/observed.ts';
import { expand } from './expansion.ts';
import { type ResourceLimits, runtimeResources } from './resources.ts';
import { containerSecurity, type ImageUser, type UsernsOptions } from './security.ts';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: AnyContainer;
  readonly restartCount: number;
  /** What the runtime pulled or has. */
  readonly imageRef: string;
  readonly imageUser: ImageUser;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly MountConfig[];
  readonly devices: readonly DeviceConfig[];
  readonly limits: ResourceLimits;
  readonly targetId?: string;
  readonly seccompDir: string;
  readonly seccompDefault?: boolean;
  readonly userns?: UsernsOptions | undefined;
  readonly grants: ContainerGrants;
}

/** Throws an Error with upstream's text when the security context cannot be kept. */
export function containerConfig(input: ContainerConfigInput): ContainerConfig {
  const { pod, container, restartCount, env } = input;
  const lookup = (name: string) => env.get(name);
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: (container.command ?? []).map((word) => expand(word, lookup)),
    args: (container.args ?? []).map((word) => expand(word, lookup)),
    workingDir: container.workingDir ?? '',
    envs: [...env].map(([key, value]) => ({ key, value })),
    mounts: input.userns === undefined ? input.mounts : input.mounts.map((mount) => mapped(mount, input.userns)),
    ...(input.devices.length > 0 && { devices: input.devices }),
    labels: containerLabels(pod, container),
    annotations: { ...containerAnnotations(pod, container, restartCount), ...input.grants.annotations },
    ...(input.grants.cdiDevices.length > 0 && { CDIDevices: input.grants.cdiDevices.map((name) => ({ name })) }),
    logPath: logPathOf(container.name, restartCount),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
    linux: {
      resources: { ...runtimeResources(pod, container, input.limits), ...cpusetOf(input.grants) },
      securityContext: containerSecurity(input),
    },
  };
}

/** Files of the host are the container's own in its user namespace. */
const mapped = (mount: MountConfig, userns: UsernsOptions | undefined): MountConfig =>
  userns === undefined ? mount : { ...mount, uidMappings: userns.uids, gidMappings: userns.gids };

const cpusetOf = ({ cpusetCpus, cpusetMems }: ContainerGrants) => ({
  ...(cpusetCpus === '' ? {} : { cpusetCpus }),
  ...(cpusetMems === '' ? {} : { cpusetMems }),
});

/** Relative to the Pod's log directory. */
export const logPathOf = (container: string, restartCount: number): string => `${container}/${restartCount}.log`;

/** `<namespace>_<name>_<uid>` under the log root. */
export const podLogDir = (root: string, { metadata }: Pod): string =>
  `${root}/${metadata.namespace}_${metadata.name}_${metadata.uid}`;
