/** What the queue tells while it works. */
export interface QueueMetrics {
  /** A Pod came into `queue` because of `event`. */
  incoming(queue: 'active' | 'backoff' | 'unschedulable' | 'gated', event: string): void;
}

export const NO_QUEUE_METRICS: QueueMetrics = { incoming: () => {} };
