/** /debug: what the server is about right now, for people with the right to see it. */
import { type ApiServer, dumpPriorityLevels, dumpQueues, dumpRequests, type RouteHandler } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';

const FLOW_CONTROL = '/debug/api_priority_and_fairness';

/** How the host looks into the running process. */
export interface Profiler {
  /** Where time goes in the coming seconds: a .cpuprofile, which browsers' developer tools open. */
  cpu(seconds: number, ctx: Ctx): Promise<string>;
  /** Where memory was allocated that is still held: a .heapprofile of the coming seconds. */
  heap(seconds: number, ctx: Ctx): Promise<string>;
  commandLine(): readonly string[];
}

const PROFILE_SECONDS = 30;
const PROFILE_SECONDS_MAX = 300;

export function debugRoutes(api: ApiServer, profiler: Profiler | undefined): [string, RouteHandler][] {
  return [...flowControlRoutes(api), ...(profiler === undefined ? [] : profilerRoutes(profiler))];
}

function profilerRoutes(profiler: Profiler): [string, RouteHandler][] {
  const profile = (name: string, take: (seconds: number, ctx: Ctx) => Promise<string>): [string, RouteHandler] => [
    `/debug/pprof/${name}`,
    async ({ query }, ctx) => {
      const asked = Number(query.get('seconds') ?? PROFILE_SECONDS);
      const seconds = Number.isFinite(asked) && asked > 0 ? Math.min(asked, PROFILE_SECONDS_MAX) : PROFILE_SECONDS;
      const answer = text(await take(seconds, ctx), 'application/json');
      const disposition = `attachment; filename="${name}.${name === 'heap' ? 'heapprofile' : 'cpuprofile'}"`;
      return { ...answer, headers: { ...answer.headers, 'content-disposition': disposition } };
    },
  ];
  return [
    ['/debug/pprof', () => text('Profiles of this process, as Chrome DevTools read them:\nheap\nprofile\ncmdline\n')],
    profile('profile', (seconds, ctx) => profiler.cpu(seconds, ctx)),
    profile('heap', (seconds, ctx) => profiler.heap(seconds, ctx)),
    ['/debug/pprof/cmdline', () => text(profiler.commandLine().join('\0'))],
  ];
}

function flowControlRoutes({ flowControl }: ApiServer): [string, RouteHandler][] {
  if (flowControl === undefined) return [];
  return [
    [`${FLOW_CONTROL}/dump_priority_levels`, () => text(dumpPriorityLevels(flowControl.levels))],
    [`${FLOW_CONTROL}/dump_queues`, () => text(dumpQueues(flowControl.levels))],
    [
      `${FLOW_CONTROL}/dump_requests`,
      ({ query }, { clock }) => {
        const withDetails = (query.get('includeRequestDetails') ?? '') !== '';
        return text(dumpRequests(flowControl.levels, withDetails, clock.nowMs() - clock.monotonicMs()));
      },
    ],
  ];
}

function text(value: string, type = 'text/plain; charset=utf-8'): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': type, 'x-content-type-options': 'nosniff' },
    body: new TextEncoder().encode(value),
  };
}
