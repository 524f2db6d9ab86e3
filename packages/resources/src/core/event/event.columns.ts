/** What `kubectl get events` prints. Source: kubernetes pkg/printers/internalversion/printers.go, printEvent. */
import type { Event } from '@kapella/api/types/core-v1';
import type { Column } from '@kapella/apiserver';
import { sinceTime } from '../../support/format.ts';

export const eventColumns: readonly Column<Event>[] = [
  { name: 'Last Seen', value: lastSeen },
  { name: 'Type', value: (event) => event.type ?? '' },
  { name: 'Reason', value: (event) => event.reason ?? '' },
  { name: 'Object', value: objectOf },
  { name: 'Subobject', wide: true, value: (event) => event.involvedObject?.fieldPath ?? '' },
  { name: 'Source', wide: true, value: sourceOf },
  { name: 'Message', value: (event) => (event.message ?? '').trim() },
  { name: 'First Seen', wide: true, value: firstSeen },
  { name: 'Count', wide: true, value: (event) => event.series?.count ?? (event.count || 1) },
  { name: 'Name', format: 'name', wide: true, value: (event) => event.metadata.name },
];

function firstSeen(event: Event, nowMs: number): string {
  return sinceTime(event.firstTimestamp || event.eventTime, nowMs);
}

function lastSeen(event: Event, nowMs: number): string {
  if (event.series !== undefined) return sinceTime(event.series.lastObservedTime, nowMs);
  return event.lastTimestamp ? sinceTime(event.lastTimestamp, nowMs) : firstSeen(event, nowMs);
}

function objectOf({ involvedObject: object }: Event): string {
  const kind = (object?.kind ?? '').toLowerCase();
  return object?.name ? `${kind}/${object.name}` : kind;
}

function sourceOf(event: Event): string {
  const component = event.source?.component || event.reportingComponent || '';
  const host = event.source?.host || event.reportingInstance || '';
  return host === '' ? component : `${component}, ${host}`;
}
