/** The work of each command, loaded when it is called: `kapella status` does not read what `kapella server` needs. */
import type { Command } from './command.ts';

export const COMMAND_WORK: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['up', async () => (await import('./up.command.ts')).up],
  ['down', async () => (await import('./down.command.ts')).down],
  ['reset', async () => (await import('./reset.command.ts')).reset],
  ['status', async () => (await import('./status.command.ts')).status],
  ['logs', async () => (await import('./logs.command.ts')).logs],
  ['kubeconfig', async () => (await import('./kubeconfig.command.ts')).kubeconfig],
  ['kubectl', async () => (await import('./kubectl.command.ts')).kubectl],
  ['image', async () => (await import('./image.command.ts')).image],
  ['doctor', async () => (await import('./doctor.command.ts')).doctor],
  ['explain', async () => (await import('./explain.command.ts')).explain],
  ['server', async () => (await import('./server.command.ts')).server],
  ['node', async () => (await import('./node.command.ts')).node],
  ['token', async () => (await import('./token.command.ts')).token],
  ['hollow', async () => (await import('./hollow.command.ts')).hollow],
  ['snapshot', async () => (await import('./snapshot.command.ts')).snapshot],
  ['envtest', async () => (await import('./envtest.command.ts')).envtest],
  ['kube-apiserver', async () => (await import('./drop-in.command.ts')).kubeApiServer],
  ['kube-controller-manager', async () => (await import('./drop-in.command.ts')).kubeControllerManager],
  ['kube-scheduler', async () => (await import('./drop-in.command.ts')).kubeScheduler],
  ['etcd', async () => (await import('./drop-in.command.ts')).etcd],
  ['version', async () => (await import('./version.command.ts')).version],
]);
