/**
 * The nodes' numbers in columns, one row a node: what filters and scores read for thousands of nodes a Pod.
 * CPU in millicores, memory and storage in bytes, all else in whole units.
 */
import type { Amounts } from './resources.ts';

const ROWS_MIN = 64;

/** One resource: what nodes have, what placed Pods ask for. */
export interface ResourceColumn {
  allocatable: Float64Array;
  requested: Float64Array;
}

export class Columns {
  readonly cpu: ResourceColumn;
  readonly memory: ResourceColumn;
  /** Every resource by name: CPU and memory too. */
  readonly resources = new Map<string, ResourceColumn>();
  /** CPU and memory as scoring counts them: with an assumed minimum for containers that ask for nothing. */
  scoredMilliCpu: Float64Array;
  scoredMemory: Float64Array;
  podCount: Float64Array;
  podCountMax: Float64Array;
  #rows: number;

  constructor(rows = ROWS_MIN) {
    this.#rows = rows;
    this.scoredMilliCpu = new Float64Array(rows);
    this.scoredMemory = new Float64Array(rows);
    this.podCount = new Float64Array(rows);
    this.podCountMax = new Float64Array(rows);
    this.cpu = this.resource('cpu');
    this.memory = this.resource('memory');
  }

  /** The column of a resource; made when first named. */
  resource(name: string): ResourceColumn {
    let column = this.resources.get(name);
    if (column === undefined) {
      column = { allocatable: new Float64Array(this.#rows), requested: new Float64Array(this.#rows) };
      this.resources.set(name, column);
    }
    return column;
  }

  /** Makes room for a row; the arrays are exchanged, never the columns. */
  reserve(row: number): void {
    if (row < this.#rows) return;
    this.#rows = Math.max(row + 1, this.#rows * 2);
    this.scoredMilliCpu = grown(this.scoredMilliCpu, this.#rows);
    this.scoredMemory = grown(this.scoredMemory, this.#rows);
    this.podCount = grown(this.podCount, this.#rows);
    this.podCountMax = grown(this.podCountMax, this.#rows);
    for (const column of this.resources.values()) {
      column.allocatable = grown(column.allocatable, this.#rows);
      column.requested = grown(column.requested, this.#rows);
    }
  }

  setAllocatable(row: number, amounts: Amounts): void {
    for (const [name, column] of this.resources) column.allocatable[row] = amounts.get(name) ?? 0;
    for (const [name, amount] of amounts) this.resource(name).allocatable[row] = amount;
    this.podCountMax[row] = amounts.get('pods') ?? 0;
  }

  /** Zero, as for a row that no node has. */
  clear(row: number): void {
    for (const column of this.resources.values()) {
      column.allocatable[row] = 0;
      column.requested[row] = 0;
    }
    for (const column of [this.scoredMilliCpu, this.scoredMemory, this.podCount, this.podCountMax]) column[row] = 0;
  }
}

function grown(column: Float64Array, rows: number): Float64Array {
  const next = new Float64Array(rows);
  next.set(column);
  return next;
}
