/** Rules for Events of both groups. Source: kubernetes pkg/apis/core/validation/events.go. */
import { validateDns1123Subdomain, validateQualifiedName } from '@kapella/api';
import type { Event } from '@kapella/api/types/core-v1';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { addInvalid } from '../../support/validation/basic.ts';

const REPORTER_LENGTH_MAX = 128;
const NOTE_LENGTH_MAX = 1024;

export function validateEvent(event: Event, errors: FieldErrors): void {
  checkBoth(event, 'reportingComponent', errors);
}

export function validateEventUpdate(next: Event, _old: Event, errors: FieldErrors): void {
  checkBoth(next, 'reportingComponent', errors);
}

/** events.k8s.io asks for more: its Events are of the new kind only. */
export function validateNewEvent(event: Event, errors: FieldErrors): void {
  checkBoth(event, 'reportingController', errors);
  checkSeries(event, errors);
  if (!event.eventTime) errors.required('eventTime');
  const { type = '' } = event;
  if (type !== 'Normal' && type !== 'Warning') errors.invalid('type', '', `has invalid value: ${type}`);
  for (const field of ['firstTimestamp', 'lastTimestamp', 'count'] as const) {
    if (event[field]) errors.invalid(field, '', 'needs to be unset');
  }
  if (event.source?.component || event.source?.host) errors.invalid('source', '', 'needs to be unset');
}

const FIXED = [
  ['involvedObject', 'involvedObject'],
  ['reason', 'reason'],
  ['message', 'message'],
  ['source', 'source'],
  ['firstTimestamp', 'firstTimestamp'],
  ['lastTimestamp', 'lastTimestamp'],
  ['count', 'count'],
  ['type', 'type'],
  ['eventTime', 'eventTime'],
  ['action', 'action'],
  ['related', 'related'],
  ['reportingComponent', 'reportingController'],
  ['reportingInstance', 'reportingInstance'],
] as const;

export function validateNewEventUpdate(next: Event, old: Event, errors: FieldErrors): void {
  checkBoth(next, 'reportingController', errors);
  if (!jsonEqual(next.series, old.series)) checkSeries(next, errors);
  for (const [name, field] of FIXED) errors.immutable(field, next[name], old[name]);
}

function checkSeries({ series }: Event, errors: FieldErrors): void {
  if (series === undefined) return;
  if ((series.count ?? 0) < 2) errors.invalid('series.count', '', 'should be at least 2');
  if (!series.lastObservedTime) errors.required('series.lastObservedTime');
}

function checkBoth(event: Event, reporterField: string, errors: FieldErrors): void {
  const theirs = event.involvedObject?.namespace ?? '';
  const ours = event.metadata.namespace ?? '';
  const mismatch = () => errors.invalid('involvedObject.namespace', theirs, 'does not match event.namespace');
  if (!event.eventTime) {
    // Events of cluster-scoped objects live in `default`.
    if (theirs === '' ? ours !== '' && ours !== 'default' : theirs !== ours) mismatch();
  } else {
    if (theirs === '' && ours !== 'default' && ours !== 'kube-system') mismatch();
    checkReporter(event, reporterField, errors);
  }
  addInvalid(errors, 'namespace', ours, validateDns1123Subdomain(ours));
}

function checkReporter(event: Event, reporterField: string, errors: FieldErrors): void {
  const { reportingComponent = '', reportingInstance = '', action = '', reason = '', message = '' } = event;
  if (reportingComponent === '') errors.required(reporterField);
  addInvalid(errors, reporterField, reportingComponent, validateQualifiedName(reportingComponent));
  for (const [field, text] of [
    ['reportingInstance', reportingInstance],
    ['action', action],
    ['reason', reason],
  ] as const) {
    if (text === '') errors.required(field);
    checkLength(text, REPORTER_LENGTH_MAX, field, errors);
  }
  checkLength(message, NOTE_LENGTH_MAX, 'message', errors);
}

function checkLength(text: string, lengthMax: number, field: string, errors: FieldErrors): void {
  if (text.length > lengthMax) errors.invalid(field, '', `can have at most ${lengthMax} characters`);
}
