/** Query parameters of the API's verbs, read and checked. Source: apimachinery metav1 *Options and their validation. */
import {
  type FieldSelector,
  type LabelSelector,
  parseFieldSelector,
  parseLabelSelector,
  validateFieldManager,
  everyField,
  everySelector,
} from '@kapella/api';
import { ApiError, errors, FieldErrors } from '@kapella/base';
import { isTrue } from './request-info.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface ListParameters {
  readonly labels: LabelSelector;
  readonly fields: FieldSelector;
  readonly watch: boolean;
  readonly allowBookmarks: boolean;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly timeoutSeconds: number | undefined;
  readonly limit: number;
  readonly continueToken: string;
  readonly sendInitialEvents: boolean | undefined;
}

const DEFAULTS: ListParameters = {
  labels: everySelector,
  fields: everyField,
  watch: false,
  allowBookmarks: false,
  resourceVersion: '',
  resourceVersionMatch: '',
  timeoutSeconds: undefined,
  limit: 0,
  continueToken: '',
  sendInitialEvents: undefined,
};

/** Throws BadRequest for what cannot be read, Invalid for what contradicts itself. */
export function parseListParameters(query: URLSearchParams, isWatch: boolean): ListParameters {
  if (query.size === 0) return isWatch ? { ...DEFAULTS, watch: true } : DEFAULTS;
  const parameters: ListParameters = {
    labels: selectorOf(query.get('labelSelector'), parseLabelSelector, everySelector),
    fields: selectorOf(query.get('fieldSelector'), parseFieldSelector, everyField),
    watch: isWatch,
    allowBookmarks: isTrue(query.get('allowWatchBookmarks')),
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
    timeoutSeconds: integerOf(query, 'timeoutSeconds'),
    limit: integerOf(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    sendInitialEvents: query.get('sendInitialEvents') === null ? undefined : isTrue(query.get('sendInitialEvents')),
  };
  const effective: ListParameters = isLegacyWatch(parameters)
    ? { ...parameters, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' }
    : parameters;
  validate(effective);
  return effective;
}

/** From no version, or from any: what is there comes first. Source: apis/meta/internalversion/defaults.go. */
function isLegacyWatch({ watch, sendInitialEvents, resourceVersionMatch: match, resourceVersion }: ListParameters) {
  if (!watch || sendInitialEvents !== undefined || match !== '') return false;
  return resourceVersion === '' || resourceVersion === '0';
}

function selectorOf<S>(text: string | null, parse: (text: string) => S, every: S): S {
  if (text === null || text === '') return every;
  try {
    return parse(text);
  } catch (error) {
    throw new ApiError('BadRequest', error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function integerOf(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,18}$/.test(text)) {
    throw errors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  return Number(text);
}

function validate(p: ListParameters): void {
  const found = new FieldErrors();
  if (p.watch) validateWatch(p, found);
  else validateList(p, found);
  if (found.any) throw found.toApiError({ group: 'meta.k8s.io', kind: 'ListOptions', name: '' });
}

function validateWatch(p: ListParameters, found: FieldErrors): void {
  const match = p.resourceVersionMatch;
  if (p.sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    found.forbidden('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
  }
  if (match === '') return;
  if (p.sendInitialEvents === undefined) {
    found.forbidden(
      'resourceVersionMatch',
      'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  }
  if (match !== 'NotOlderThan') found.notSupported('resourceVersionMatch', match, ['NotOlderThan']);
  if (p.continueToken !== '') {
    found.forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided');
  }
}

function validateList(p: ListParameters, found: FieldErrors): void {
  if (p.resourceVersionMatch !== '') validateListMatch(p, found);
  if (p.sendInitialEvents !== undefined) {
    found.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  }
}

function validateListMatch(p: ListParameters, found: FieldErrors): void {
  const match = p.resourceVersionMatch;
  if (p.resourceVersion === '') {
    found.forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided');
  }
  if (p.continueToken !== '') {
    found.forbidden('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided');
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    found.notSupported('resourceVersionMatch', match, ['Exact', 'NotOlderThan', '']);
  }
  if (match === 'Exact' && p.resourceVersion === '0') {
    found.forbidden('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
}

/** Throws BadRequest; '' is undefined. */
export function parseRevision(text: string): number | undefined {
  if (text === '') return undefined;
  const found = revisionOf(text);
  if (typeof found === 'string') throw errors.badRequest(`invalid resource version: ${found}`);
  return found;
}

/** Of GET and WATCH, where upstream takes what it cannot read for a fault of its own: code 500 without a reason. */
export function parseReadRevision(text: string): number | undefined {
  if (text === '') return undefined;
  const found = revisionOf(text);
  if (typeof found === 'string') throw new ApiError('', found, { code: 500 });
  return found;
}

/** Or why it is none. */
function revisionOf(text: string): number | string {
  if (/^\d{1,16}$/.test(text)) return Number(text);
  const shown = JSON.stringify(text);
  return `resourceVersion: Invalid value: ${shown}: strconv.ParseUint: parsing ${shown}: invalid syntax`;
}

export type WriteOptionsKind = 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

/**
 * Throws Invalid with all that is wrong with the options of a write; `found` has what the caller found.
 * Source: apimachinery/pkg/apis/meta/v1/validation/validation.go.
 */
export function checkWriteOptions(query: URLSearchParams, kind: WriteOptionsKind, found = new FieldErrors()): void {
  if (query.size > 0) {
    const manager = query.get('fieldManager');
    if (manager !== null) validateFieldManager(manager, found, 'fieldManager');
    const dryRun = query.getAll('dryRun');
    if (!dryRun.every((value) => value === 'All')) found.notSupported('dryRun', dryRun, ['All']);
    const validation = query.get('fieldValidation') ?? '';
    if (!isFieldValidation(validation) && validation !== '') {
      found.notSupported('fieldValidation', validation, ['', 'Ignore', 'Strict', 'Warn']);
    }
  }
  if (found.any) throw found.toApiError({ group: 'meta.k8s.io', kind, name: '' });
}

/** `dryRun=All`, which has been checked. */
export function parseDryRun(values: readonly string[]): boolean {
  return values.includes('All');
}

const isFieldValidation = (text: string): text is FieldValidation =>
  text === 'Ignore' || text === 'Warn' || text === 'Strict';

/** Built-in kinds and custom resources alike: the default is Warn. */
export function parseFieldValidation(query: URLSearchParams): FieldValidation {
  const text = query.get('fieldValidation') ?? '';
  return isFieldValidation(text) ? text : 'Warn';
}

/** The name of the manager: what the client says, else what its user agent begins with. */
export function fieldManagerOf(query: URLSearchParams, userAgent: string | undefined): string {
  const given = query.get('fieldManager') ?? '';
  if (given !== '') return given;
  const agent = userAgent === undefined || userAgent === '' ? 'unknown' : userAgent;
  const slash = agent.indexOf('/');
  return (slash < 0 ? agent : agent.slice(0, slash)).replace(/[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, '').slice(0, 128);
}
