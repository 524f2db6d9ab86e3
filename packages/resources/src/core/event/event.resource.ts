/** v1 Event, as the API server sees it. Source: kubernetes pkg/registry/core/event. */
import type { Event } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { eventColumns } from './event.columns.ts';
import { validateEvent, validateEventUpdate } from './event.validate.ts';

export const EVENT_TTL_SECONDS = 3600;

export const eventResource = defineResource<Event>({
  id: { group: '', version: 'v1', kind: 'Event', plural: 'events', singular: 'event' },
  names: { short: ['ev'] },
  scope: 'namespaced',
  selectableFields: {
    'involvedObject.kind': (event) => event.involvedObject?.kind ?? '',
    'involvedObject.namespace': (event) => event.involvedObject?.namespace ?? '',
    'involvedObject.name': (event) => event.involvedObject?.name ?? '',
    'involvedObject.uid': (event) => event.involvedObject?.uid ?? '',
    'involvedObject.apiVersion': (event) => event.involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': (event) => event.involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': (event) => event.involvedObject?.fieldPath ?? '',
    reason: (event) => event.reason ?? '',
    reportingComponent: (event) => event.reportingComponent ?? '',
    source: (event) => event.source?.component || event.reportingComponent || '',
    type: (event) => event.type ?? '',
  },
  columns: eventColumns,
  validate: validateEvent,
  validateUpdate: validateEventUpdate,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: true,
  ttlSeconds: EVENT_TTL_SECONDS,
});
