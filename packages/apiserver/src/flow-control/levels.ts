/** Priority levels: their seats by shares, and what they lend each other. Source: flowcontrol/apf_controller.go. */
import { allocate, type Allocation, type Claim } from './allocation.ts';
import { NO_DEMAND, nextDemand, type SeatDemand } from './demand.ts';
import { EXEMPT, type LevelObject } from './objects.ts';
import { QueueSet, type QueueSetConfig } from './queue-set.ts';
import { RetryAfter } from './retry-after.ts';
import { dealerProblem } from './shuffle.ts';

export interface Level {
  readonly name: string;
  configuration: LevelObject;
  readonly queues: QueueSet;
  readonly retryAfter: RetryAfter;
  isExempt: boolean;
  /** Nobody wants it any more; it lives until it is idle. */
  isQuiescing: boolean;
  nominal: number;
  min: number;
  max: number;
  current: number;
  target: number;
  demand: SeatDemand;
  /** Seats that one request may take; 0: no own limit. */
  requestSeatsMax: number;
  isNew: boolean;
}

/** One request of a level that queues takes at most this part of its seats. */
const REQUEST_PART_MAX = 0.15;

export function newLevel(configuration: LevelObject, nowMs: number): Level {
  return {
    name: configuration.metadata.name,
    configuration,
    queues: new QueueSet(nowMs),
    retryAfter: new RetryAfter(),
    isExempt: configuration.spec.type === 'Exempt',
    ...{ isQuiescing: false, nominal: 0, min: 0, max: 0, current: 0, target: 0, requestSeatsMax: 0, isNew: true },
    demand: NO_DEMAND,
  };
}

/** undefined: this configuration cannot be put into effect and is passed over. */
export function queueConfigOf({ metadata, spec }: LevelObject): QueueSetConfig | undefined {
  const { type, limited, exempt } = spec;
  if ((type === 'Limited') !== (limited !== undefined) || (type === 'Exempt') !== (exempt !== undefined)) {
    return undefined;
  }
  if ((type === 'Exempt') !== (metadata.name === EXEMPT)) return undefined;
  if (limited === undefined) return { queues: -1, queueLengthMax: 1, handSize: 1 };
  const queuing = limited.limitResponse?.queuing;
  if ((limited.limitResponse?.type === 'Reject') !== (queuing === undefined)) return undefined;
  if (queuing === undefined) return { queues: 0, queueLengthMax: 1, handSize: 1 };
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing;
  if (dealerProblem(queues, handSize) !== undefined) return undefined;
  return { queues, handSize, queueLengthMax: queueLengthLimit };
}

function sharesOf({ configuration: { spec } }: Level): number {
  return spec.limited?.nominalConcurrencyShares ?? spec.exempt?.nominalConcurrencyShares ?? (spec.limited ? 30 : 0);
}

/** Gives every level its seats by shares. Returns the sum of them, which rounding up makes a little more than `total`. */
export function assignNominal(levels: Iterable<Level>, total: number): number {
  const all = [...levels];
  const shares = all.reduce((sum, level) => sum + sharesOf(level), 0);
  let sum = 0;
  for (const level of all) {
    const { limited, exempt } = level.configuration.spec;
    const nominal = shares === 0 ? 0 : Math.ceil((total * sharesOf(level)) / shares);
    const lendable = Math.round((nominal * (limited?.lendablePercent ?? exempt?.lendablePercent ?? 0)) / 100);
    const limit = limited?.borrowingLimitPercent;
    const borrowing = limit === undefined ? total : Math.round((nominal * limit) / 100);
    level.nominal = nominal;
    level.min = nominal - lendable;
    level.max = nominal + borrowing;
    level.requestSeatsMax = requestSeatsMax(level);
    if (level.isNew) level.current = nominal - Math.trunc(lendable / 2);
    level.isNew = false;
    sum += nominal;
  }
  return sum;
}

function requestSeatsMax({ nominal, configuration }: Level): number {
  const queuing = configuration.spec.limited?.limitResponse?.queuing;
  if (queuing === undefined) return 0;
  const byHand = Math.trunc(nominal / (queuing.handSize ?? 8));
  return Math.max(1, Math.min(Math.ceil(nominal * REQUEST_PART_MAX), byHand));
}

/** Sets the seats of the coming period from what was wanted in the last one. Returns the fair fraction. */
export function adjustSeats(levels: Iterable<Level>, nominalSum: number, nowMs: number): number {
  const all = [...levels];
  for (const level of all) level.demand = nextDemand(level.demand, level.queues.demand.reset(nowMs));
  const limited = all.filter(({ isExempt }) => !isExempt);
  let remaining = nominalSum;
  for (const level of all) {
    if (!level.isExempt) continue;
    level.current = Math.max(level.min, level.demand.highWatermark);
    level.target = level.current;
    remaining -= level.current;
  }
  const claims = limited.map(claimOf);
  limited.forEach((level, i) => {
    level.target = (claims[i] as Claim).target;
  });
  const minSum = limited.reduce((sum, { min }) => sum + min, 0);
  const floorSum = claims.reduce((sum, { lowerBound }) => sum + lowerBound, 0);
  if (remaining <= minSum) {
    for (const level of limited) level.current = level.min;
    return 0;
  }
  if (remaining <= floorSum) {
    const fraction = (remaining - minSum) / (floorSum - minSum);
    limited.forEach((level, i) => {
      level.current = level.min + Math.round(((claims[i] as Claim).lowerBound - level.min) * fraction);
    });
    return 0;
  }
  return takeShares(limited, allocate(nominalSum, claims));
}

function claimOf({ min, max, nominal, demand }: Level): Claim {
  const lowerBound = Math.max(min, Math.min(nominal, demand.highWatermark));
  return { lowerBound, upperBound: max, target: Math.max(lowerBound, demand.smoothed) };
}

/** Without an allocation everybody keeps what they have. */
function takeShares(levels: readonly Level[], allocation: Allocation | undefined): number {
  if (allocation === undefined) return 0;
  levels.forEach((level, i) => {
    level.current = Math.round(allocation.shares[i] as number);
  });
  return allocation.fairFraction;
}
