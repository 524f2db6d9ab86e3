/** Words of the kernel about processes that it killed for want of memory. Source: cadvisor utils/oomparser. */

export interface SystemOom {
  readonly process: string;
  readonly pid: number;
}

const DETAILS = /oom-kill:constraint=.*,task_memcg=(.*),task=(.*),pid=(\d+),uid=/;

/** Only of processes outside every container: the others' ends are seen in their statuses. */
export function parseSystemOom(line: string): SystemOom | undefined {
  const [, group, process = '', pid = ''] = DETAILS.exec(line) ?? [];
  return group === '/' ? { process, pid: Number(pid) } : undefined;
}

export const systemOomMessage = ({ process, pid }: SystemOom): string =>
  process !== '' && pid !== 0
    ? `System OOM encountered, victim process: ${process}, pid: ${pid}`
    : 'System OOM encountered';
