/** The disk under a simulated API server: slow, full, and torn where a crash meets it. */
import { type Clock, invariant, type Random } from '@kapella/base';
import { type ChangeRecord, createMvccStore, headOf, type Persistence, type Store } from '@kapella/store';

export interface SimDisk {
  /** A store over what is durable. The one opened before is dead: nothing it still does reaches the disk. */
  open(): Store;
  /** Power is cut: of what was being written, some is there and some is not. */
  crash(): void;
  /** Every append takes from 0 to this long. */
  latencyMaxMs: number;
  /** So many appends fail, as on a full disk. */
  failuresLeft: number;
  /** Calls `fn` before the so-manieth append from now (`durable` false), or once it is durable but not yet told. */
  crashAtAppend(count: number, durable: boolean, fn: () => void): void;
  /** Told of each record that became durable, in order. */
  onDurable: (record: ChangeRecord) => void;
  /** What is durable: the newest record of each key that is there. */
  present(): ReadonlyMap<string, ChangeRecord>;
}

interface Trap {
  left: number;
  readonly durable: boolean;
  readonly fn: () => void;
}

/** `lies`: a planted bug; an append is said to be done a while before it is. */
export function createSimDisk(clock: Clock, random: Random, fault?: 'lies'): SimDisk {
  return new Disk(clock, random, fault === 'lies');
}

const LIE_MS = 3_000;

class Disk implements SimDisk {
  latencyMaxMs = 0;
  failuresLeft = 0;
  onDurable: (record: ChangeRecord) => void = () => {};
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #records = new Map<number, ChangeRecord>();
  readonly #present = new Map<string, ChangeRecord>();
  #revision = 1;
  #compacted = 0;
  #generation = 0;
  #writing: readonly ChangeRecord[] = [];
  #trap: Trap | undefined;

  /** With a lying disk: what was said to be durable and is not. */
  #unkept: (readonly ChangeRecord[])[] = [];
  readonly #isLying: boolean;

  constructor(clock: Clock, random: Random, isLying: boolean) {
    this.#clock = clock;
    this.#random = random;
    this.#isLying = isLying;
  }

  open(): Store {
    this.#generation++;
    return createMvccStore(this.#persistence(this.#generation));
  }

  crash(): void {
    this.#generation++;
    const kept = Math.floor(this.#random.float() * (this.#writing.length + 1));
    this.#keep(this.#writing.slice(0, kept));
    this.#writing = [];
    for (const record of this.#unkept.flat()) this.#records.delete(record.revision);
    this.#unkept = [];
    this.#trap = undefined;
  }

  crashAtAppend(count: number, durable: boolean, fn: () => void): void {
    this.#trap = { left: count, durable, fn };
  }

  present(): ReadonlyMap<string, ChangeRecord> {
    return this.#present;
  }

  #keep(records: readonly ChangeRecord[]): void {
    for (const record of records) {
      invariant(record.revision > this.#revision, `revision ${record.revision} after ${this.#revision} on disk`);
      this.#revision = record.revision;
      this.#records.set(record.revision, record);
      if (record.value === undefined) this.#present.delete(record.key);
      else this.#present.set(record.key, record);
      this.onDurable(record);
    }
  }

  async #append(batch: readonly ChangeRecord[], isAlive: () => boolean): Promise<void> {
    if (!isAlive()) await never();
    const trap = this.#trap;
    if (trap !== undefined && --trap.left <= 0) this.#trap = undefined;
    const isSprung = trap !== undefined && trap.left <= 0;
    this.#writing = batch;
    if (isSprung && !trap.durable) trap.fn();
    if (isAlive() && this.latencyMaxMs > 0) {
      const ms = this.#random.float() * this.latencyMaxMs;
      await new Promise<void>((resolve) => this.#clock.setTimer(ms, resolve));
    }
    if (!isAlive()) await never();
    this.#writing = [];
    if (this.failuresLeft > 0) {
      this.failuresLeft--;
      throw new Error('ENOSPC: no space left on device');
    }
    if (this.#isLying) this.#keepLater(batch);
    else this.#keep(batch);
    if (!isSprung || !trap.durable) return;
    trap.fn();
    if (!isAlive()) await never();
  }

  #keepLater(batch: readonly ChangeRecord[]): void {
    this.#unkept.push(batch);
    for (const record of batch) this.#records.set(record.revision, record);
    this.#clock.setTimer(LIE_MS, () => {
      if (this.#unkept[0] === batch) this.#keep(this.#unkept.shift() ?? []);
    });
  }

  #persistence(generation: number): Persistence {
    const isAlive = () => this.#generation === generation;
    return {
      backend: 'memory',
      load: (visit) => {
        for (const record of this.#records.values()) visit(headOf(record));
        return { revision: this.#revision, compacted: this.#compacted };
      },
      append: (batch) => this.#append(batch, isAlive),
      read: (revision) => this.#records.get(revision),
      remove: async (revisions, compacted) => {
        if (!isAlive()) return;
        for (const revision of revisions) this.#records.delete(revision);
        this.#compacted = compacted;
      },
      close: async () => {},
    };
  }
}

/** What a dead process waits for. */
const never = () => new Promise<never>(() => {});
