/** events.k8s.io/v1 Event: core Events under other names. Source: kubernetes pkg/apis/events/v1/conversion.go. */
import type { Event as CoreEvent } from '@kapella/api/types/core-v1';
import type { Event } from '@kapella/api/types/events-v1';
import { defineResource } from '@kapella/apiserver';
import { eventColumns } from '../../core/event/event.columns.ts';
import { EVENT_TTL_SECONDS } from '../../core/event/event.resource.ts';
import { validateNewEvent, validateNewEventUpdate } from '../../core/event/event.validate.ts';

export const newEventResource = defineResource<Event>({
  id: { group: 'events.k8s.io', version: 'v1', kind: 'Event', plural: 'events', singular: 'event' },
  names: { short: ['ev'] },
  scope: 'namespaced',
  storedAs: {
    group: '',
    version: 'v1',
    toStorage: (event) => eventToCore(event) as never,
    fromStorage: (event) => eventFromCore(event as unknown as CoreEvent),
  },
  selectableFields: {
    'regarding.kind': (event) => event.regarding?.kind ?? '',
    'regarding.namespace': (event) => event.regarding?.namespace ?? '',
    'regarding.name': (event) => event.regarding?.name ?? '',
    'regarding.uid': (event) => event.regarding?.uid ?? '',
    'regarding.apiVersion': (event) => event.regarding?.apiVersion ?? '',
    'regarding.resourceVersion': (event) => event.regarding?.resourceVersion ?? '',
    'regarding.fieldPath': (event) => event.regarding?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingController: (event) => event.reportingController ?? '',
    source: (event) => event.deprecatedSource?.component || event.reportingController || '',
    type: (event) => event.type ?? '',
  },
  columns: eventColumns.map((column) => ({
    ...column,
    value: (event: Event, nowMs: number) => column.value(eventToCore(event), nowMs),
  })),
  validate: (event, errors) => validateNewEvent(eventToCore(event), errors),
  validateUpdate: (next, old, errors) => validateNewEventUpdate(eventToCore(next), eventToCore(old), errors),
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  ttlSeconds: EVENT_TTL_SECONDS,
});

export function eventToCore(event: Event): CoreEvent {
  const {
    regarding,
    note,
    reportingController,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    ...rest
  } = event;
  return {
    ...rest,
    apiVersion: 'v1',
    involvedObject: regarding ?? {},
    ...(note !== undefined && { message: note }),
    ...(reportingController !== undefined && { reportingComponent: reportingController }),
    ...(deprecatedSource !== undefined && { source: deprecatedSource }),
    ...(deprecatedFirstTimestamp !== undefined && { firstTimestamp: deprecatedFirstTimestamp }),
    ...(deprecatedLastTimestamp !== undefined && { lastTimestamp: deprecatedLastTimestamp }),
    ...(deprecatedCount !== undefined && { count: deprecatedCount }),
  };
}

export function eventFromCore(event: CoreEvent): Event {
  const { involvedObject, message, reportingComponent, source, firstTimestamp, lastTimestamp, count, ...rest } = event;
  return {
    ...rest,
    apiVersion: 'events.k8s.io/v1',
    eventTime: event.eventTime as string,
    series: event.series as Event['series'],
    regarding: involvedObject,
    ...(message !== undefined && { note: message }),
    ...(reportingComponent !== undefined && { reportingController: reportingComponent }),
    ...(source !== undefined && { deprecatedSource: source }),
    ...(firstTimestamp !== undefined && { deprecatedFirstTimestamp: firstTimestamp }),
    ...(lastTimestamp !== undefined && { deprecatedLastTimestamp: lastTimestamp }),
    ...(count !== undefined && { deprecatedCount: count }),
  };
}
