/** kube-apiserver.flags in the data directory: upstream's flags about audit and limits for `kapella server`, one a line. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Ctx } from '@kapella/base';
import { CliError } from '@kapella/cli';
import { type FlagValues, GUARD_FLAGS, parseFlags } from '../../kube-apiserver/flags.ts';
import { connectionsOf, limitsOf, shutdownOf } from '../../kube-apiserver/limit-flags.ts';
import { auditOf } from '../../kube-apiserver/node/audit-flags.ts';
import type { ApiServerParts } from './api-server.ts';

export const FLAGS_FILE = 'kube-apiserver.flags';

export type GuardParts = Pick<ApiServerParts, 'limits' | 'connections' | 'shutdown' | 'audit'>;

/** Upstream's defaults where there is no such file. Throws CliError Usage for what is wrong in it. */
export async function guardsOf(dataDir: string, ctx: Ctx): Promise<GuardParts> {
  const flags = readFlagsFile(join(dataDir, FLAGS_FILE));
  return {
    ...{ limits: limitsOf(flags), connections: connectionsOf(flags), shutdown: shutdownOf(flags) },
    audit: await auditOf(flags, ctx),
  };
}

/** Empty lines and lines that begin with # are passed over. */
export function readFlagsFile(path: string): FlagValues {
  if (!existsSync(path)) return new Map();
  const words = readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const bare = words.find((word) => !word.startsWith('--'));
  if (bare !== undefined) {
    throw new CliError('Usage', `${path}: ${JSON.stringify(bare)} is no flag`, 'Write one --flag=value a line.');
  }
  const values = parseFlags(words);
  const other = [...values.keys()].find((name) => !GUARD_FLAGS.includes(name));
  if (other !== undefined) {
    const fix = `It takes the flags about audit and limits: ${GUARD_FLAGS.toSorted().join(', ')}.`;
    throw new CliError('Usage', `${path}: --${other} cannot be set here`, fix);
  }
  return values;
}
