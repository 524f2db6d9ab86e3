/** `kapella version`: of everything that takes part. */
import type { Ctx } from '@kapella/base';
import { findCommand, tryRun } from '../../host/node/run.ts';
import { KAPELLA_VERSION, KUBERNETES_VERSION } from '../../version.ts';
import type { CommandInput } from './command.ts';

export async function version({ reporter }: CommandInput, _ctx: Ctx): Promise<number> {
  const [containerd, runc] = await Promise.all([firstLine('containerd', '--version'), firstLine('runc', '--version')]);
  const versions = {
    kapella: KAPELLA_VERSION,
    kubernetes: KUBERNETES_VERSION,
    node: process.version,
    containerd: /^containerd \S+ v?(\S+)/.exec(containerd)?.[1] ?? 'not installed',
    runc: /^runc version (\S+)/.exec(runc)?.[1] ?? 'not installed',
    kubectl: findCommand('kubectl') ?? 'not installed',
  };
  const width = Math.max(...Object.keys(versions).map((name) => name.length));
  reporter.result(
    versions,
    Object.entries(versions)
      .map(([name, text]) => `${name.padEnd(width)}  ${text}`)
      .join('\n'),
  );
  return 0;
}

async function firstLine(command: string, ...args: string[]): Promise<string> {
  if (findCommand(command) === undefined) return '';
  return (await tryRun(command, args)).stdout.split('\n')[0] ?? '';
}
