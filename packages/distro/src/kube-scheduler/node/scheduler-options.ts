/** From a KubeSchedulerConfiguration file to the scheduler's options. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { CliError } from '@kapella/cli';
import type { SchedulerOptions } from '@kapella/control-plane';
import { ConfigError, loadConfig, type SchedulerConfig } from '@kapella/scheduler';
import { createExtenderTransport } from '@kapella/scheduler/node';

/** `path` '' means upstream's defaults. Throws CliError with all that is wrong. */
export function readSchedulerConfig(flag: string, path: string): SchedulerConfig | undefined {
  if (path === '') return undefined;
  try {
    return loadConfig(readFileSync(path, 'utf8'));
  } catch (error) {
    const isWrong = error instanceof ConfigError;
    const why = isWrong ? error.message : (error as Error).message;
    const fix = isWrong
      ? 'Mend the file: kubernetes.io/docs/reference/config-api/kube-scheduler-config.v1 names its fields.'
      : 'Give a file that can be read.';
    throw new CliError('Usage', `${flag} ${path}: ${why}`, fix, error);
  }
}

export function readSchedulerOptions(flag: string, path: string): SchedulerOptions {
  const config = readSchedulerConfig(flag, path);
  const host = hostname();
  if (config === undefined) return { host };
  return { host, config, ...(config.extenders.length > 0 && { extenderTransport: createExtenderTransport() }) };
}
