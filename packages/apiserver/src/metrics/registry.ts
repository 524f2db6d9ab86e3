/** The server's name for what every component counts with. */
export {
  type Counter,
  createMetricsRegistry,
  type DistributionSeries,
  type Gauge,
  type Histogram,
  type MetricsRegistry,
  type Series,
} from '@kapella/base';
