/** A Pod without Kubernetes: the three calls that start one, on the cluster's own containerd. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import type { ContainerConfig, Cri, PodSandboxConfig } from '@kapella/kubelet';
import { createCri } from '@kapella/kubelet/node';
import { BUSYBOX } from '../../test/support/images.ts';
import { IDLE } from '../../test/support/manifests.ts';
import type { TestCluster } from '../../test/support/cluster.ts';

const NAMESPACES = { network: 'POD', pid: 'CONTAINER', ipc: 'POD' } as const;

/** Milliseconds of each; the sandboxes are removed. */
export async function startByCri(cluster: TestCluster, count: number): Promise<readonly number[]> {
  const ctx = hostCtx(new AbortController().signal, silentLogger);
  const cri = createCri({ socket: `/run/kapella/${cluster.name}/containerd.sock` });
  const times: number[] = [];
  try {
    for (let i = 0; i < count; i++) {
      const sandbox = sandboxConfig(cluster, i);
      const start = performance.now();
      const id = await startOne(cri, sandbox, ctx);
      times.push(performance.now() - start);
      await cri.stopPodSandbox(id, ctx);
      await cri.removePodSandbox(id, ctx);
    }
  } finally {
    cri.close();
  }
  return times;
}

async function startOne(cri: Cri, sandbox: PodSandboxConfig, ctx: ReturnType<typeof hostCtx>): Promise<string> {
  const id = await cri.runPodSandbox(sandbox, '', ctx);
  const container = await cri.createContainer(id, containerConfig(), sandbox, ctx);
  await cri.startContainer(container, ctx);
  return id;
}

function sandboxConfig(cluster: TestCluster, index: number): PodSandboxConfig {
  const uid = randomUUID();
  const logDirectory = join(cluster.dataDir, 'bench-logs', uid);
  mkdirSync(logDirectory, { recursive: true });
  return {
    metadata: { name: `bare-${index}`, namespace: 'bench', uid, attempt: 0 },
    hostname: `bare-${index}`,
    logDirectory,
    dnsConfig: { servers: [], searches: [], options: [] },
    portMappings: [],
    labels: {},
    annotations: {},
    linux: {
      cgroupParent: `/kapella-${cluster.name}/bench/${uid}`,
      sysctls: {},
      securityContext: { namespaceOptions: NAMESPACES, privileged: false, seccomp: { profileType: 'RuntimeDefault' } },
    },
  };
}

function containerConfig(): ContainerConfig {
  return {
    metadata: { name: 'main', attempt: 0 },
    image: { image: BUSYBOX },
    command: ['sh', '-c', IDLE],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    labels: {},
    annotations: {},
    logPath: 'main.log',
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: {
      resources: { cpuShares: 2 },
      securityContext: {
        privileged: false,
        namespaceOptions: NAMESPACES,
        readonlyRootfs: false,
        supplementalGroups: [],
        noNewPrivs: false,
        maskedPaths: [],
        readonlyPaths: [],
        seccomp: { profileType: 'Unconfined' },
      },
    },
  };
}
