/** Counters, gauges and histograms in Prometheus' text format. Source: prometheus.io exposition formats 0.0.4. */

export interface Counter {
  /** Labels in the order of the metric's label names. */
  add(labels: readonly string[], amount?: number): void;
  /** One series, for who counts often: no label is looked up again. */
  with(labels: readonly string[]): Series;
}

export interface Gauge extends Counter {
  set(labels: readonly string[], value: number): void;
  /** Forgets a series. */
  remove(labels: readonly string[]): void;
}

export interface Histogram {
  observe(labels: readonly string[], value: number): void;
  with(labels: readonly string[]): DistributionSeries;
  /** Forgets a series. */
  remove(labels: readonly string[]): void;
}

export interface Series {
  value: number;
}

export interface DistributionSeries {
  /** `weight`: how many times over; default 1. */
  observe(value: number, weight?: number): void;
}

/** Series of a metric that are read when they are asked for. */
export type ReadSeries = () => Iterable<readonly [labels: readonly string[], value: number]>;

export interface MetricsRegistry {
  counter(name: string, help: string, labelNames: readonly string[]): Counter;
  /** A counter whose series can be forgotten is made here, too. */
  gauge(name: string, help: string, labelNames: readonly string[], type?: 'gauge' | 'counter'): Gauge;
  histogram(name: string, help: string, labelNames: readonly string[], buckets: readonly number[]): Histogram;
  /** A gauge that is read when it is asked for. */
  readGauge(name: string, help: string, read: () => number): void;
  /** Gauges or counters that are read when they are asked for. */
  readEach(
    name: string,
    help: string,
    type: 'gauge' | 'counter',
    labelNames: readonly string[],
    read: ReadSeries,
  ): void;
  /** `only`: names of metrics; default all. */
  text(only?: (name: string) => boolean): string;
}

interface Metric {
  write(lines: string[]): void;
}

export function createMetricsRegistry(): MetricsRegistry {
  const metrics = new Map<string, Metric>();
  const add = <M extends Metric>(name: string, make: () => M): M => {
    const known = metrics.get(name) as M | undefined;
    if (known !== undefined) return known;
    const made = make();
    metrics.set(name, made);
    return made;
  };
  return {
    counter: (name, help, labels) => add(name, () => new Values(name, help, 'counter', labels)),
    gauge: (name, help, labels, type = 'gauge') => add(name, () => new Values(name, help, type, labels)),
    histogram: (name, help, labels, buckets) => add(name, () => new Buckets(name, help, labels, buckets)),
    readGauge(name, help, read) {
      add(name, () => ({ write: (lines) => void lines.push(...head(name, help, 'gauge'), `${name} ${read()}`) }));
    },
    readEach(name, help, type, labels, read) {
      add(name, () => ({ write: (lines) => writeEach(lines, { name, help, type, labels }, read) }));
    },
    text(only = () => true) {
      const lines: string[] = [];
      for (const name of [...metrics.keys()].sort()) if (only(name)) metrics.get(name)?.write(lines);
      return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
    },
  };
}

interface Described {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly labels: readonly string[];
}

function writeEach(lines: string[], { name, help, type, labels }: Described, read: ReadSeries): void {
  const rows = [...read()].map(([values, value]) => `${name}${labelText(labels, values.join('\0'))} ${value}`);
  if (rows.length > 0) lines.push(...head(name, help, type), ...rows);
}

class Values implements Gauge, Metric {
  readonly #name: string;
  readonly #head: readonly string[];
  readonly #labelNames: readonly string[];
  readonly #values = new Map<string, { value: number }>();

  constructor(name: string, help: string, type: string, labelNames: readonly string[]) {
    this.#name = name;
    this.#head = head(name, help, type);
    this.#labelNames = labelNames;
  }

  with(labels: readonly string[]): Series {
    const key = labels.join('\0');
    let found = this.#values.get(key);
    if (found === undefined) {
      found = { value: 0 };
      this.#values.set(key, found);
    }
    return found;
  }

  add(labels: readonly string[], amount = 1): void {
    this.with(labels).value += amount;
  }

  set(labels: readonly string[], value: number): void {
    this.with(labels).value = value;
  }

  remove(labels: readonly string[]): void {
    this.#values.delete(labels.join('\0'));
  }

  write(lines: string[]): void {
    if (this.#values.size === 0) return;
    lines.push(...this.#head);
    for (const [key, { value }] of this.#values) {
      lines.push(`${this.#name}${labelText(this.#labelNames, key)} ${value}`);
    }
  }
}

class Distribution implements DistributionSeries {
  readonly bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  observe(value: number, weight = 1): void {
    this.sum += value * weight;
    this.count += weight;
    const { bounds, counts } = this;
    for (let i = 0; i < bounds.length; i++) {
      if (value > (bounds[i] as number)) continue;
      counts[i] = (counts[i] as number) + weight;
      return;
    }
  }
}

class Buckets implements Histogram, Metric {
  readonly #name: string;
  readonly #head: readonly string[];
  readonly #labelNames: readonly string[];
  readonly #bounds: readonly number[];
  readonly #byLabels = new Map<string, Distribution>();

  constructor(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]) {
    this.#name = name;
    this.#head = head(name, help, 'histogram');
    this.#labelNames = labelNames;
    this.#bounds = bounds;
  }

  with(labels: readonly string[]): DistributionSeries {
    const key = labels.join('\0');
    let found = this.#byLabels.get(key);
    if (found === undefined) {
      found = new Distribution(this.#bounds);
      this.#byLabels.set(key, found);
    }
    return found;
  }

  observe(labels: readonly string[], value: number): void {
    this.with(labels).observe(value);
  }

  remove(labels: readonly string[]): void {
    this.#byLabels.delete(labels.join('\0'));
  }

  write(lines: string[]): void {
    if (this.#byLabels.size === 0) return;
    lines.push(...this.#head);
    for (const [key, { counts, sum, count }] of this.#byLabels) {
      let total = 0;
      this.#bounds.forEach((bound, i) => {
        total += counts[i] as number;
        lines.push(`${this.#name}_bucket${labelText(this.#labelNames, key, String(bound))} ${total}`);
      });
      lines.push(`${this.#name}_bucket${labelText(this.#labelNames, key, '+Inf')} ${count}`);
      lines.push(`${this.#name}_sum${labelText(this.#labelNames, key)} ${sum}`);
      lines.push(`${this.#name}_count${labelText(this.#labelNames, key)} ${count}`);
    }
  }
}

function head(name: string, help: string, type: string): readonly string[] {
  return [`# HELP ${name} ${help.replaceAll('\n', ' ')}`, `# TYPE ${name} ${type}`];
}

function labelText(names: readonly string[], key: string, bound?: string): string {
  const values = names.length === 0 ? [] : key.split('\0');
  const parts = names.map((name, i) => `${name}="${escapeLabel(values[i] ?? '')}"`);
  if (bound !== undefined) parts.push(`le="${bound}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

function escapeLabel(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
