/** Tables of what runs and what waits, for people. Source: apiserver/pkg/util/flowcontrol/apf_controller_debug.go. */
import type { Level } from './levels.ts';
import type { QueuedRequest } from './queue-set.ts';

type Levels = ReadonlyMap<string, Level>;

export function dumpPriorityLevels(levels: Levels): string {
  const rows = [...levels.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, queues, isQuiescing }) => {
      const active = queues.queues.filter(({ waiting }) => waiting.length > 0).length;
      return [
        ...[name, active, queues.isIdle, isQuiescing, queues.waiting, queues.executing],
        ...[queues.dispatched, queues.rejected, 0, queues.cancelled],
      ];
    });
  return table([
    [
      ...['PriorityLevelName', 'ActiveQueues', 'IsIdle', 'IsQuiescing', 'WaitingRequests', 'ExecutingRequests'],
      ...['DispatchedRequests', 'RejectedRequests', 'TimedoutRequests', 'CancelledRequests'],
    ],
    ...rows,
  ]);
}

export function dumpQueues(levels: Levels): string {
  const rows = [...levels.values()].flatMap(({ name, queues }) =>
    queues.queues.map((queue, index) => [
      ...[name, index, queue.waiting.length, queue.executing.size, queue.seatsInUse, seatSeconds(queue.nextDispatchR)],
      queue.waiting.reduce((sum, { work }) => sum + work.initialSeats, 0),
      ...[queue.waitingSeats, seatSeconds(queue.waitingWork)],
    ]),
  );
  return table([
    [
      ...['PriorityLevelName', 'Index', 'PendingRequests', 'ExecutingRequests', 'SeatsInUse', 'NextDispatchR'],
      ...['InitialSeatsSum', 'MaxSeatsSum', 'TotalWorkSum'],
    ],
    ...rows,
  ]);
}

/** `epochMs`: what the server's monotonic clock was zero at. */
export function dumpRequests(levels: Levels, withDetails: boolean, epochMs: number): string {
  const row = (level: string, queue: number, index: number, request: QueuedRequest) => [
    ...[level, request.flow.schema, queue, index, request.flow.distinguisher, timeOf(epochMs + request.arrivalMs)],
    ...[request.work.initialSeats, request.work.finalSeats, `${request.work.additionalMs}ms`],
    request.state === 'waiting' ? '0001-01-01T00:00:00Z' : timeOf(epochMs + request.startMs),
    ...(withDetails ? detailsOf(request) : []),
  ];
  const rows = [...levels.values()].flatMap(({ name, queues }) => [
    ...queues.queues.flatMap(({ waiting, executing }, i) => [
      ...waiting.map((request, j) => row(name, i, j, request)),
      ...[...executing].map((request) => row(name, i, -1, request)),
    ]),
    ...[...queues.executingWithoutQueue].map((request) => row(name, -1, -1, request)),
  ]);
  return table([
    [
      ...['PriorityLevelName', 'FlowSchemaName', 'QueueIndex', 'RequestIndexInQueue', 'FlowDistingsher', 'ArriveTime'],
      ...['InitialSeats', 'FinalSeats', 'AdditionalLatency', 'StartTime'],
      ...(withDetails
        ? ['UserName', 'Verb', 'APIPath', 'Namespace', 'Name', 'APIVersion', 'Resource', 'SubResource']
        : []),
    ],
    ...rows,
  ]);
}

function detailsOf({ username, info }: QueuedRequest): string[] {
  const version = info.group === '' ? info.version : `${info.group}/${info.version}`;
  return [username, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource];
}

const timeOf = (ms: number) => new Date(ms).toISOString();
const seatSeconds = (seatMs: number) => `${(seatMs / 1000).toFixed(8)}ss`;

/** Columns are aligned by blanks; the comma stays with the text before it. */
function table(rows: readonly (readonly unknown[])[]): string {
  const cells = rows.map((row) => row.map((cell, i) => `${cell}${i === row.length - 1 ? '' : ','}`));
  const widths = (cells[0] ?? []).map((_, i) => Math.max(8, ...cells.map((row) => (row[i]?.length ?? 0) + 1)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('');
  return `${cells.map(line).join('\n')}\n`;
}
