/** `kapella doctor`: every check, and the command that fixes what is not well. */
import { hostname } from 'node:os';
import type { Ctx } from '@kapella/base';
import { EXIT_CODES, resolveOptions } from '@kapella/cli';
import { createMachine } from '../../cluster/node/parts.ts';
import { toGiven } from '../../cluster/record.ts';
import type { DoctorResult } from '../../host/doctor.ts';
import type { CommandInput } from './command.ts';
import { lookUpCluster } from './find-cluster.ts';

const MARKS = { ok: '✔', warn: '!', fail: '✘' } as const;

export async function doctor({ given, reporter, program }: CommandInput, ctx: Ctx): Promise<number> {
  const saved = await lookUpCluster(given);
  const known = saved === undefined ? {} : toGiven(saved.options);
  const options = resolveOptions({ ...known, ...given }, { hostName: hostname(), withNode: true });
  const machine = createMachine(options, program);
  const results = await machine.findings(ctx).finally(() => machine.close());
  const failed = results.filter(({ status }) => status === 'fail').length;
  const warned = results.filter(({ status }) => status === 'warn').length;
  if (program.json)
    for (const result of results) program.write(`${JSON.stringify({ check: result.name, ...result })}\n`);
  else for (const result of results) program.write(lineOf(result));
  const summary = failed > 0 ? `${failed} problems keep a cluster from starting` : 'This machine can run a node';
  reporter.result({ failed, warned }, `\n${summary}${warned > 0 ? `; ${warned} warnings` : ''}.`);
  return failed > 0 ? EXIT_CODES.Host : 0;
}

function lineOf({ name, status, detail, fix }: DoctorResult): string {
  const line = `  ${MARKS[status]} ${name}: ${detail}\n`;
  return fix === undefined ? line : `${line}      fix: ${fix}\n`;
}
