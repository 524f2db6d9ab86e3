/**
 * The queues of one priority level: fair among flows by virtual time, in seats. Everything is told the time; nothing waits
 * here. Source: apiserver/pkg/util/flowcontrol/fairqueuing/queueset.
 */
import type { RequestInfo } from '../http/request-info.ts';
import type { UserInfo } from '../resource.ts';
import { Integrator } from './demand.ts';
import type { FlowMeters } from './flow-metrics.ts';
import { dealHand } from './shuffle.ts';
import type { WorkEstimate } from './work.ts';

export interface QueueSetConfig {
  /** -1: everything runs at once (exempt); 0: what does not fit is refused; else so many queues. */
  readonly queues: number;
  readonly queueLengthMax: number;
  readonly handSize: number;
}

/** Requests that are kept apart from others: of one schema and one user or namespace. */
export interface Flow {
  readonly schema: string;
  readonly hash: bigint;
  readonly distinguisher: string;
  readonly meters: FlowMeters;
  /** The dealt queues, as long as `deck` is how many there are. */
  hand?: { readonly deck: number; readonly size: number; readonly queues: readonly number[] };
}

export interface QueuedRequest {
  readonly flow: Flow;
  readonly work: WorkEstimate;
  readonly seats: number;
  /** Seat-milliseconds. */
  readonly totalWork: number;
  readonly arrivalMs: number;
  readonly arrivalR: number;
  /** For the debug dump. */
  readonly username: string;
  readonly info: RequestInfo;
  startMs: number;
  state: 'waiting' | 'executing' | 'ended';
  /** Called once when a waiting request may run. */
  onStart: (() => void) | undefined;
  queue: Queue | undefined;
}

export interface Queue {
  readonly waiting: QueuedRequest[];
  readonly executing: Set<QueuedRequest>;
  seatsInUse: number;
  waitingSeats: number;
  waitingWork: number;
  /** Virtual time at which the next request of this queue starts. */
  nextDispatchR: number;
}

/** What a request is taken to last before it is known, in milliseconds. */
const SERVICE_MS = 3;
const NO_CONFIG: QueueSetConfig = { queues: 0, queueLengthMax: 1, handSize: 1 };

export class QueueSet {
  readonly queues: Queue[] = [];
  readonly executingWithoutQueue = new Set<QueuedRequest>();
  readonly demand: Integrator;
  config: QueueSetConfig = NO_CONFIG;
  seatsMax = 0;
  waiting = 0;
  executing = 0;
  seatsInUse = 0;
  seatsWaiting = 0;
  dispatched = 0;
  rejected = 0;
  cancelled = 0;
  currentR = 0;
  #lastMs: number;
  #robin = 0;
  #enqueued = 0;
  #activeQueues = 0;
  #queuedSeatsInUse = 0;

  constructor(nowMs: number) {
    this.#lastMs = nowMs;
    this.demand = new Integrator(nowMs);
  }

  get isIdle(): boolean {
    return this.waiting === 0 && this.executing === 0;
  }

  configure(config: QueueSetConfig, seatsMax: number, nowMs: number): void {
    this.#syncTime(nowMs);
    while (this.queues.length < config.queues) this.queues.push(newQueue());
    this.config = config;
    this.seatsMax = seatsMax;
    this.#trim();
    this.#dispatchAll(nowMs);
  }

  /** undefined: refused, and why is the level's configuration. The result may be waiting: set its `onStart`. */
  start(
    flow: Flow,
    work: WorkEstimate,
    { username }: UserInfo,
    info: RequestInfo,
    nowMs: number,
  ): QueuedRequest | undefined {
    this.#syncTime(nowMs);
    const seats = Math.max(work.initialSeats, work.finalSeats);
    const request: QueuedRequest = {
      flow,
      work,
      seats,
      totalWork: work.initialSeats * SERVICE_MS + work.finalSeats * work.additionalMs,
      username,
      info,
      arrivalMs: nowMs,
      arrivalR: this.currentR,
      startMs: nowMs,
      state: 'waiting',
      onStart: undefined,
      queue: undefined,
    };
    if (this.config.queues < 1) {
      if (!this.#hasRoom(seats)) {
        this.rejected++;
        return undefined;
      }
      this.executingWithoutQueue.add(request);
      this.#execute(request, nowMs);
      return request;
    }
    const queue = this.queues[this.#choose(flow)] as Queue;
    if (this.seatsInUse >= this.seatsMax && queue.waiting.length >= this.config.queueLengthMax) {
      this.rejected++;
      return undefined;
    }
    this.#enqueue(request, queue, nowMs);
    if (this.waiting === 1) {
      // Nobody else waits: no queue to choose.
      if (this.seatsInUse < this.seatsMax) this.#dispatchFrom(queue, nowMs);
    } else this.#dispatchAll(nowMs);
    return request;
  }

  /** Takes a request that waited too long, or whose client is gone, out of its queue. */
  cancel(request: QueuedRequest, nowMs: number): void {
    const { queue } = request;
    if (request.state !== 'waiting' || queue === undefined) return;
    this.#syncTime(nowMs);
    queue.waiting.splice(queue.waiting.indexOf(request), 1);
    this.#leaveQueue(request, queue);
    request.state = 'ended';
    this.rejected++;
    this.cancelled++;
    if (!isActive(queue)) this.#activeQueues--;
    boundNextDispatch(queue);
    this.#noteDemand(nowMs);
  }

  /** The answer is ready. Returns for how many milliseconds the seats are still taken: call `release` then. */
  finish(request: QueuedRequest, nowMs: number): number {
    this.#syncTime(nowMs);
    request.state = 'ended';
    this.executing--;
    request.flow.meters.executing(-1);
    const { queue } = request;
    if (queue === undefined) this.executingWithoutQueue.delete(request);
    else {
      queue.executing.delete(request);
      queue.nextDispatchR -= request.work.initialSeats * (SERVICE_MS - (nowMs - request.startMs));
      if (!isActive(queue)) this.#activeQueues--;
      boundNextDispatch(queue);
    }
    if (request.work.additionalMs > 0) {
      this.#dispatchAll(nowMs);
      return request.work.additionalMs;
    }
    this.#release(request, nowMs);
    return 0;
  }

  release(request: QueuedRequest, nowMs: number): void {
    this.#syncTime(nowMs);
    this.#release(request, nowMs);
  }

  #release(request: QueuedRequest, nowMs: number): void {
    const { seats, queue, flow } = request;
    this.seatsInUse -= seats;
    flow.meters.seats(-seats);
    if (queue !== undefined) {
      queue.seatsInUse -= seats;
      this.#queuedSeatsInUse -= seats;
    }
    if (this.queues.length > this.config.queues) this.#trim();
    this.#noteDemand(nowMs);
    this.#dispatchAll(nowMs);
  }

  #syncTime(nowMs: number): void {
    const elapsed = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (this.#activeQueues === 0) return;
    const wanted = this.#queuedSeatsInUse + this.seatsWaiting;
    this.currentR += (Math.min(wanted, this.seatsMax) / this.#activeQueues) * elapsed;
  }

  #choose(flow: Flow): number {
    const { handSize } = this.config;
    const deck = this.config.queues;
    let { hand } = flow;
    if (hand === undefined || hand.deck !== deck || hand.size !== handSize) {
      hand = { deck, size: handSize, queues: dealHand(flow.hash, deck, handSize) };
      flow.hand = hand;
    }
    const offset = this.#enqueued++ % handSize;
    let best = -1;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 0; i < handSize; i++) {
      const index = hand.queues[(offset + i) % handSize] as number;
      const { waitingWork } = this.queues[index] as Queue;
      if (waitingWork >= least) continue;
      least = waitingWork;
      best = index;
    }
    return best;
  }

  #enqueue(request: QueuedRequest, queue: Queue, nowMs: number): void {
    if (!isActive(queue)) {
      queue.nextDispatchR = this.currentR;
      this.#activeQueues++;
    }
    request.queue = queue;
    queue.waiting.push(request);
    queue.waitingSeats += request.seats;
    queue.waitingWork += request.totalWork;
    this.waiting++;
    this.seatsWaiting += request.seats;
    boundNextDispatch(queue);
    request.flow.meters.enqueued(queue.waiting.length, request.seats);
    this.#noteDemand(nowMs);
  }

  #dispatchAll(nowMs: number): void {
    while (this.waiting > 0 && this.seatsInUse < this.seatsMax && this.#dispatchOne(nowMs)) {
      // each turn starts one request
    }
  }

  #dispatchOne(nowMs: number): boolean {
    const queue = this.#nextQueue();
    return queue !== undefined && this.#dispatchFrom(queue, nowMs);
  }

  #dispatchFrom(queue: Queue, nowMs: number): boolean {
    const request = queue.waiting[0];
    if (request === undefined) return false;
    if (!this.#hasRoom(request.seats)) {
      request.flow.meters.noAccommodation();
      return false;
    }
    queue.waiting.shift();
    this.#leaveQueue(request, queue);
    queue.executing.add(request);
    queue.seatsInUse += request.seats;
    this.#queuedSeatsInUse += request.seats;
    queue.nextDispatchR += request.totalWork;
    boundNextDispatch(queue);
    this.#execute(request, nowMs);
    request.onStart?.();
    return true;
  }

  /** The queue whose oldest request would be the first to end in virtual time; ties go round. */
  #nextQueue(): Queue | undefined {
    const count = this.queues.length;
    let best: Queue | undefined;
    let bestIndex = this.#robin;
    let least = Number.POSITIVE_INFINITY;
    for (let i = 1; i <= count; i++) {
      const index = (this.#robin + i) % count;
      const queue = this.queues[index] as Queue;
      const oldest = queue.waiting[0];
      if (oldest === undefined) continue;
      const finish = queue.nextDispatchR + oldest.totalWork;
      if (finish < least) {
        [least, best, bestIndex] = [finish, queue, index];
      }
      if (this.waiting === queue.waiting.length) break; // nobody waits elsewhere
    }
    this.#robin = bestIndex;
    return best;
  }

  #hasRoom(seats: number): boolean {
    if (this.config.queues < 0) return true;
    if (seats > this.seatsMax) return this.executing === 0;
    return this.seatsInUse + seats <= this.seatsMax;
  }

  #leaveQueue(request: QueuedRequest, queue: Queue): void {
    queue.waitingSeats -= request.seats;
    queue.waitingWork -= request.totalWork;
    this.waiting--;
    this.seatsWaiting -= request.seats;
    request.flow.meters.dequeued(request.seats);
  }

  #execute(request: QueuedRequest, nowMs: number): void {
    request.state = 'executing';
    request.startMs = nowMs;
    this.executing++;
    this.dispatched++;
    this.seatsInUse += request.seats;
    request.flow.meters.executing(1);
    request.flow.meters.seats(request.seats);
    this.#noteDemand(nowMs);
  }

  #noteDemand(nowMs: number): void {
    this.demand.set(this.seatsInUse + this.seatsWaiting, nowMs);
  }

  /** Queues that the configuration no longer wants go when they are empty. */
  #trim(): void {
    for (let i = this.queues.length - 1; i >= Math.max(0, this.config.queues); i--) {
      const queue = this.queues[i] as Queue;
      if (!isActive(queue) && queue.seatsInUse === 0) this.queues.splice(i, 1);
    }
    if (this.#robin >= this.queues.length) this.#robin = 0;
  }
}

function newQueue(): Queue {
  return {
    waiting: [],
    executing: new Set(),
    ...{ seatsInUse: 0, waitingSeats: 0, waitingWork: 0, nextDispatchR: 0 },
  };
}

function isActive({ waiting, executing }: Queue): boolean {
  return waiting.length > 0 || executing.size > 0;
}

/** A queue gathers no credit while nobody waits in it. */
function boundNextDispatch(queue: Queue): void {
  const oldest = queue.waiting[0];
  if (oldest !== undefined && queue.nextDispatchR < oldest.arrivalR) queue.nextDispatchR = oldest.arrivalR;
}
