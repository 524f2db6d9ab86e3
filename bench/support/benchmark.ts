/** What a benchmark of the whole system is: named figures with goals, measured by whole runs. */

export interface FigureSpec {
  /** `api-answers`: stable, a key in results. */
  readonly name: string;
  readonly text: string;
  /** `x`: times what the other did in the same run. */
  readonly unit: 'ms' | 'MB' | '%' | '/s' | 'MB/s' | 'x';
  /** Not more than this; with neither goal it is told, not judged. */
  readonly goalMax?: number;
  /** Not less than this. */
  readonly goalMin?: number;
  /** A published or measured figure of others, with its source. */
  readonly others?: string;
}

/** Figure name -> value of one run. */
export type Sample = Readonly<Record<string, number>>;

export interface Benchmark {
  readonly name: string;
  /** Rows that are run together by this name. */
  readonly group?: string;
  readonly text: string;
  readonly figures: readonly FigureSpec[];
  /** Runs that make a result; default 5. */
  readonly runs?: number;
  /** Calls `sample` once a run, `runs` times; prepares and cleans up around it as it needs. */
  measure(runs: number, sample: (values: Sample) => void): Promise<void>;
}

export interface FigureResult extends FigureSpec {
  readonly median: number;
  readonly samples: readonly number[];
  /** Undefined without a goal. */
  readonly isMet?: boolean;
}

export interface BenchmarkResult {
  readonly name: string;
  readonly text: string;
  readonly subject: 'kapella';
  readonly figures: readonly FigureResult[];
}

export function evaluate(benchmark: Benchmark, samples: readonly Sample[]): BenchmarkResult {
  const figures = benchmark.figures.map((spec): FigureResult => {
    const { goalMax = Number.POSITIVE_INFINITY, goalMin = Number.NEGATIVE_INFINITY } = spec;
    const isJudged = spec.goalMax !== undefined || spec.goalMin !== undefined;
    const values = samples.map((sample) => sample[spec.name]).filter((value) => value !== undefined);
    const broken = values.find((value) => !Number.isFinite(value) || value < 0);
    if (broken !== undefined)
      throw new Error(`${benchmark.name}: ${spec.name} cannot be ${broken}: the measurement is wrong`);
    const middle = median(values);
    return {
      ...spec,
      median: middle,
      samples: values,
      ...(isJudged ? { isMet: middle <= goalMax && middle >= goalMin } : {}),
    };
  });
  return { name: benchmark.name, text: benchmark.text, subject: 'kapella', figures };
}

/** Of an even number of values, the mean of the middle two. Throws when there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('no value was measured');
  const sorted = values.toSorted((a, b) => a - b);
  const at = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[at] as number) : ((sorted[at - 1] as number) + (sorted[at] as number)) / 2;
}

/** One row a figure: what, median, range, goal, met or not. */
export function renderTable(results: readonly BenchmarkResult[]): string {
  const rows = results.flatMap(({ name, figures }) =>
    figures.map((figure) => [
      `${name}: ${figure.text}`,
      format(figure.median, figure.unit),
      `${round(Math.min(...figure.samples))} - ${round(Math.max(...figure.samples))}`,
      goalOf(figure),
      figure.isMet === undefined ? '' : figure.isMet ? 'met' : 'NOT MET',
    ]),
  );
  const all = [['figure', 'median', 'range', 'goal', ''], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd();
  return `${all.map(line).join('\n')}\n`;
}

function goalOf({ goalMax, goalMin, unit }: FigureSpec): string {
  if (goalMax !== undefined) return `<= ${format(goalMax, unit)}`;
  return goalMin === undefined ? '' : `>= ${format(goalMin, unit)}`;
}

const round = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(value < 10 ? 2 : 1));
const format = (value: number, unit: string) => `${round(value)} ${unit}`;
