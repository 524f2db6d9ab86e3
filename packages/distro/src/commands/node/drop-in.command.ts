/** `kapella kube-apiserver`, `kube-controller-manager`, `kube-scheduler` and `etcd`: by the flags of upstream's. */
import type { Ctx } from '@kapella/base';
import type { CommandInput } from './command.ts';

export async function kubeApiServer({ args }: CommandInput, ctx: Ctx): Promise<number> {
  return (await import('../../kube-apiserver/node/kube-apiserver.ts')).runKubeApiServer(args, ctx);
}

export async function etcd({ args }: CommandInput, ctx: Ctx): Promise<number> {
  return (await import('../../kube-apiserver/node/etcd.ts')).runEtcd(args, ctx);
}

export async function kubeScheduler({ args }: CommandInput, ctx: Ctx): Promise<number> {
  return (await import('../../kube-scheduler/node/kube-scheduler.ts')).runKubeScheduler(args, ctx);
}

export async function kubeControllerManager({ args }: CommandInput, ctx: Ctx): Promise<number> {
  const { runKubeControllerManager } = await import('../../kube-controller-manager/node/kube-controller-manager.ts');
  return runKubeControllerManager(args, ctx);
}
