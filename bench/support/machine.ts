/** The machine on which figures were measured: they mean nothing without it. */
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { run } from '../../test/support/cluster.ts';

export interface MachineDescription {
  readonly cpuModel: string;
  readonly cpuCount: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly os: string;
  readonly node: string;
  readonly containerd: string;
  readonly commit: string;
  /** Of the minute before: others may have been at work. */
  readonly loadBefore: number;
}

export async function describeMachine(): Promise<MachineDescription> {
  const output = async (command: string, ...args: string[]) => (await run(command, args, {})).stdout.trim();
  return {
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cpuCount: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    os: /^PRETTY_NAME="(.*)"/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'unknown',
    node: process.version,
    containerd: (await output('containerd', '--version')).split(' ')[2] ?? 'unknown',
    commit: await output('git', 'rev-parse', '--short', 'HEAD'),
    loadBefore: loadavg()[0] ?? 0,
  };
}
