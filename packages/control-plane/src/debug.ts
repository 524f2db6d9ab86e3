/** /debug: what the server is about right now, for people with the right to see it. */
import { type ApiServer, dumpPriorityLevels, dumpQueues, dumpRequests, type RouteHandler } from '@kapella/apiserver';
import type { ApiResponse } from '@kapella/client';

const FLOW_CONTROL = '/debug/api_priority_and_fairness';

export function debugRoutes({ flowControl }: ApiServer): [string, RouteHandler][] {
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

function text(value: string): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: new TextEncoder().encode(value),
  };
}
