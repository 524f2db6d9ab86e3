/** How a client's requests fare, under client-go's names. Source: component-base/metrics/prometheus/restclient/metrics.go. */
import type { DistributionSeries, MetricsRegistry, Series } from '@kapella/base';
import type { Transport } from '../transport.ts';

const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** The same transport; `host` is what it leads to. */
export function measuredTransport(inner: Transport, metrics: MetricsRegistry, host: string): Transport {
  const total = metrics.counter('rest_client_requests_total', 'Requests of clients.', ['code', 'method', 'host']);
  const seconds = metrics.histogram(
    'rest_client_request_duration_seconds',
    'Time until the answer to a request of a client begins.',
    ['verb', 'host'],
    SECONDS,
  );
  const totals = new Map<string, Series>();
  const times = new Map<string, DistributionSeries>();
  const count = (code: string, method: string, tookMs: number) => {
    const key = code + method;
    const series = totals.get(key) ?? total.with([code, method, host]);
    totals.set(key, series);
    series.value++;
    const time = times.get(method) ?? seconds.with([method, host]);
    times.set(method, time);
    time.observe(tookMs / 1000);
  };
  return {
    ...(inner.sharesChunks === true && { sharesChunks: true }),
    async request(request, ctx) {
      const fromMs = ctx.clock.monotonicMs();
      try {
        const response = await inner.request(request, ctx);
        count(String(response.status), request.method, ctx.clock.monotonicMs() - fromMs);
        return response;
      } catch (error) {
        count('<error>', request.method, ctx.clock.monotonicMs() - fromMs);
        throw error;
      }
    },
    close: () => inner.close(),
  };
}
