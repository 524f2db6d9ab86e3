/** Times as a zone writes them. Source: Go's time package, RFC3339 and RFC1123Z. */

const MINUTE_MS = 60_000;

export function isKnownZone(timeZone: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone });
    return true;
  } catch {
    return false;
  }
}

/** `2026-01-01T09:00:00+01:00`, and `Z` in UTC. */
export function formatInZone(ms: number, timeZone: string): string {
  const offset = offsetMinutes(ms, timeZone);
  const local = new Date(ms + offset * MINUTE_MS).toISOString().slice(0, 19);
  // Go writes Z for every zone that is at UTC at the time.
  if (offset === 0) return `${local}Z`;
  const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60];
  const two = (value: number) => String(value).padStart(2, '0');
  return `${local}${offset < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`;
}

function offsetMinutes(ms: number, timeZone: string): number {
  // Formats are dear to make, and this is what most say.
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') return 0;
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
  });
  const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type as string, Number(value)]));
  const of = (name: string) => parts.get(name) ?? 0;
  const local = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'));
  return Math.round((local - Math.floor(ms / MINUTE_MS) * MINUTE_MS) / MINUTE_MS);
}

/** `Mon, 02 Jan 2006 15:04:05 +0000`. */
export function formatRfc1123(ms: number): string {
  return new Date(ms).toUTCString().replace('GMT', '+0000');
}
