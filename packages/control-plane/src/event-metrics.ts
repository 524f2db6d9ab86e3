/** Events that a component of ours told and nobody will read. Upstream drops them as well, and does not count them. */
import type { MetricsRegistry } from '@kapella/base';
import type { EventRecorderOptions } from '@kapella/client';

export function countDropped(
  metrics: MetricsRegistry | undefined,
  component: string,
): Pick<EventRecorderOptions, 'dropped'> {
  const counter = metrics?.counter(
    'kapella_events_dropped_total',
    'Events not written: too many waited (queue), one source about one object (spam), or the API said no (refused).',
    ['component', 'why'],
  );
  return counter === undefined ? {} : { dropped: (why) => counter.add([component, why]) };
}
