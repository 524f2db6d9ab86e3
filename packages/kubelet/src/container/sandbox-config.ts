/** What the runtime is told about a Pod's sandbox. Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_sandbox.go. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { DnsConfig, PodSandboxConfig, PortMapping } from '../cri/config.ts';
import { sandboxLabels } from '../lifecycle/labels.ts';
import { kernelHostname, podHostname } from './hosts.ts';
import { groupsOf, namespacesOf, type UsernsOptions } from './security.ts';

export interface SandboxConfigInput {
  readonly pod: Pod;
  readonly attempt: number;
  readonly clusterDomain: string;
  readonly dns: DnsConfig;
  readonly cgroupParent: string;
  readonly logDirectory: string;
  /** undefined = the host's user namespace. */
  readonly userns?: UsernsOptions | undefined;
}

/** Throws an Error when the host name cannot be formed. */
export function sandboxConfig(input: SandboxConfigInput): PodSandboxConfig {
  const { pod } = input;
  const { spec, metadata } = pod;
  const context = spec.securityContext ?? {};
  const sysctls: Record<string, string> = Object.create(null);
  for (const { name, value } of context.sysctls ?? []) sysctls[name.replaceAll('/', '.')] = value;
  return {
    metadata: { name: metadata.name, namespace: metadata.namespace ?? '', uid: metadata.uid, attempt: input.attempt },
    ...(spec.hostNetwork === true ? {} : { hostname: kernelHostname(pod, podHostname(pod, input.clusterDomain)) }),
    logDirectory: input.logDirectory,
    dnsConfig: input.dns,
    portMappings: portMappings(pod),
    labels: sandboxLabels(pod),
    annotations: metadata.annotations ?? {},
    linux: {
      cgroupParent: input.cgroupParent,
      sysctls,
      securityContext: {
        namespaceOptions: namespacesOf(spec, input.userns),
        ...(context.runAsUser === undefined ? {} : { runAsUser: { value: context.runAsUser } }),
        ...(context.runAsGroup === undefined ? {} : { runAsGroup: { value: context.runAsGroup } }),
        ...groupsOf(context),
        privileged: allContainers(pod).some((container) => container.securityContext?.privileged === true),
        seccomp: { profileType: 'RuntimeDefault' },
      },
    },
  };
}

const allContainers = ({ spec }: Pod) => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
  ...(spec.ephemeralContainers ?? []),
];

/** Sidecars may have host ports as well as main containers. */
function portMappings({ spec }: Pod): readonly PortMapping[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...sidecars, ...spec.containers].flatMap(({ ports = [] }) =>
    ports.map((port) => ({
      protocol: port.protocol ?? 'TCP',
      containerPort: port.containerPort,
      hostPort: port.hostPort ?? 0,
      hostIp: port.hostIP ?? '',
    })),
  );
}
