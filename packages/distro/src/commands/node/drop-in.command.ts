/** `kapella kube-apiserver` and `kapella etcd`: what the executables of `kapella envtest` call. */
import type { Ctx } from '@kapella/base';
import type { CommandInput } from './command.ts';

export async function kubeApiServer({ args }: CommandInput, ctx: Ctx): Promise<number> {
  return (await import('../../kube-apiserver/node/kube-apiserver.ts')).runKubeApiServer(args, ctx);
}

export async function etcd({ args }: CommandInput, ctx: Ctx): Promise<number> {
  return (await import('../../kube-apiserver/node/etcd.ts')).runEtcd(args, ctx);
}
