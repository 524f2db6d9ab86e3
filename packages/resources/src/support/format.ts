/** How tables print durations, labels and selectors. Source: apimachinery pkg/util/duration, pkg/labels, metav1 helpers. */
import type { Container, PodSpec } from '@kapella/api/types/core-v1';
import type { LabelSelector } from '@kapella/api/types/meta-v1';
import { parseTime } from '@kapella/base';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR_DAYS = 365;

/** `5m10s`, `3d4h`, `2y`: at most two units, fewer for long times. */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * MINUTE) return `${seconds}s`;
  const minutes = Math.trunc(seconds / MINUTE);
  if (minutes < 10) return twoUnits(minutes, 'm', seconds % MINUTE, 's');
  if (minutes < 3 * 60) return `${minutes}m`;
  const hours = Math.trunc(seconds / HOUR);
  if (hours < 8) return twoUnits(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(seconds / DAY);
  if (hours < 8 * 24) return twoUnits(days, 'd', hours % 24, 'h');
  if (days < 2 * YEAR_DAYS) return `${days}d`;
  const years = Math.trunc(days / YEAR_DAYS);
  if (days < 8 * YEAR_DAYS) return twoUnits(years, 'y', days % YEAR_DAYS, 'd');
  return `${years}y`;
}

function twoUnits(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`;
}

/** Time since an RFC 3339 timestamp; `<unknown>` without one. */
export function sinceTime(timestamp: string | undefined, nowMs: number): string {
  const ms = parseTime(timestamp);
  return ms === undefined ? '<unknown>' : humanDuration(nowMs - ms);
}

export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const keys = Object.keys(labels ?? {}).sort();
  return keys.length === 0 ? '<none>' : keys.map((key) => `${key}=${labels?.[key]}`).join(',');
}

/** The selector in the language of `-l`; '' when it selects everything. */
export function selectorText(selector: LabelSelector | undefined): string {
  const parts: { key: string; text: string }[] = [];
  for (const [key, value] of Object.entries(selector?.matchLabels ?? {})) parts.push({ key, text: `${key}=${value}` });
  for (const { key, operator, values = [] } of selector?.matchExpressions ?? []) {
    const list = `(${[...values].sort().join(',')})`;
    if (operator === 'In') parts.push({ key, text: `${key} in ${list}` });
    else if (operator === 'NotIn') parts.push({ key, text: `${key} notin ${list}` });
    else if (operator === 'Exists') parts.push({ key, text: key });
    else if (operator === 'DoesNotExist') parts.push({ key, text: `!${key}` });
    else return '<error>';
  }
  return parts
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map((part) => part.text)
    .join(',');
}

export function formatSelector(selector: LabelSelector | undefined): string {
  const text = selectorText(selector);
  return text === '' ? '<none>' : text;
}

export const containerNames = (spec: PodSpec | undefined): string => joined(spec, (container) => container.name);
export const containerImages = (spec: PodSpec | undefined): string =>
  joined(spec, (container) => container.image ?? '');

function joined(spec: PodSpec | undefined, pick: (container: Container) => string): string {
  return (spec?.containers ?? []).map(pick).join(',');
}

/** First `countMax` items and how many more there are; `<unset>` for none. */
export function listWithMore(items: readonly string[], countMax: number): string {
  const shown = items.slice(0, countMax).join(',');
  if (items.length > countMax) return `${shown} + ${items.length - countMax} more...`;
  return shown === '' ? '<unset>' : shown;
}
