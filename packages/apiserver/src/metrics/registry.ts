/** Counters, gauges and histograms in Prometheus' text format. Source: prometheus.io exposition formats 0.0.4. */

export interface Counter {
  /** Labels in the order of the metric's label names. */
  add(labels: readonly string[], amount?: number): void;
}

export interface Gauge extends Counter {
  set(labels: readonly string[], value: number): void;
}

export interface Histogram {
  observe(labels: readonly string[], value: number): void;
}

export interface MetricsRegistry {
  counter(name: string, help: string, labelNames: readonly string[]): Counter;
  gauge(name: string, help: string, labelNames: readonly string[]): Gauge;
  histogram(name: string, help: string, labelNames: readonly string[], buckets: readonly number[]): Histogram;
  /** A gauge that is read when it is asked for. */
  readGauge(name: string, help: string, read: () => number): void;
  text(): string;
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
    gauge: (name, help, labels) => add(name, () => new Values(name, help, 'gauge', labels)),
    histogram: (name, help, labels, buckets) => add(name, () => new Buckets(name, help, labels, buckets)),
    readGauge(name, help, read) {
      add(name, () => ({ write: (lines) => void lines.push(...head(name, help, 'gauge'), `${name} ${read()}`) }));
    },
    text() {
      const lines: string[] = [];
      for (const name of [...metrics.keys()].sort()) metrics.get(name)?.write(lines);
      return `${lines.join('\n')}\n`;
    },
  };
}

class Values implements Gauge, Metric {
  readonly #name: string;
  readonly #head: readonly string[];
  readonly #labelNames: readonly string[];
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string, type: string, labelNames: readonly string[]) {
    this.#name = name;
    this.#head = head(name, help, type);
    this.#labelNames = labelNames;
  }

  add(labels: readonly string[], amount = 1): void {
    const key = labels.join('\0');
    this.#values.set(key, (this.#values.get(key) ?? 0) + amount);
  }

  set(labels: readonly string[], value: number): void {
    this.#values.set(labels.join('\0'), value);
  }

  write(lines: string[]): void {
    if (this.#values.size === 0) return;
    lines.push(...this.#head);
    for (const [key, value] of this.#values) lines.push(`${this.#name}${labelText(this.#labelNames, key)} ${value}`);
  }
}

interface Distribution {
  readonly counts: number[];
  sum: number;
  count: number;
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

  observe(labels: readonly string[], value: number): void {
    const key = labels.join('\0');
    let found = this.#byLabels.get(key);
    if (found === undefined) {
      found = { counts: this.#bounds.map(() => 0), sum: 0, count: 0 };
      this.#byLabels.set(key, found);
    }
    found.sum += value;
    found.count++;
    for (let i = 0; i < this.#bounds.length; i++) {
      if (value > (this.#bounds[i] as number)) continue;
      found.counts[i] = (found.counts[i] as number) + 1;
      return;
    }
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
