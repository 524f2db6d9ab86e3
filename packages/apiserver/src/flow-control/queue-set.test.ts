/** Fair queuing: who waits, who runs, in which order, on a clock that the test moves. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseRequestInfo } from '../http/request-info.ts';
import { createMetricsRegistry } from '../metrics/registry.ts';
import { createFlowControlMetrics } from './flow-metrics.ts';
import { type Flow, type QueuedRequest, QueueSet } from './queue-set.ts';
import { flowHash } from './shuffle.ts';
import { ONE_SEAT } from './work.ts';

const info = parseRequestInfo('GET', '/api/v1/pods', new URLSearchParams());
const user = { username: 'u', groups: [] };
const meters = createFlowControlMetrics(createMetricsRegistry()).metersOf('level', 'schema');
const flowOf = (name: string): Flow => ({ schema: 's', distinguisher: name, hash: flowHash('s', name), meters });

function queueSet(queues: number, seats: number, queueLengthMax = 50): QueueSet {
  const set = new QueueSet(0);
  set.configure({ queues, handSize: Math.min(queues, 4), queueLengthMax }, seats, 0);
  return set;
}

describe('a queue set', () => {
  test('runs what fits, queues the rest and refuses what is too much', () => {
    const set = queueSet(1, 2, 3);
    const flow = flowOf('a');
    const states = Array.from({ length: 7 }, () => set.start(flow, ONE_SEAT, user, info, 0)?.state);
    assert.deepEqual(states, ['executing', 'executing', 'waiting', 'waiting', 'waiting', undefined, undefined]);
    assert.deepEqual([set.rejected, set.executing, set.waiting], [2, 2, 3]);
  });

  test('without queues, what does not fit is refused; exempt, nothing is', () => {
    const rejecting = queueSet(0, 1);
    assert.equal(rejecting.start(flowOf('a'), ONE_SEAT, user, info, 0)?.state, 'executing');
    assert.equal(rejecting.start(flowOf('a'), ONE_SEAT, user, info, 0), undefined);
    const exempt = queueSet(-1, 0);
    for (let i = 0; i < 10; i++) assert.equal(exempt.start(flowOf('a'), ONE_SEAT, user, info, 0)?.state, 'executing');
  });

  test('one flow with many requests does not keep another with few waiting', () => {
    const set = queueSet(64, 2);
    const finished: string[] = [];
    const running: QueuedRequest[] = [];
    const add = (flow: Flow, nowMs: number) => {
      const request = set.start(flow, ONE_SEAT, user, info, nowMs);
      if (request === undefined) return;
      if (request.state === 'executing') running.push(request);
      else request.onStart = () => void running.push(request);
    };
    const elephant = flowOf('elephant');
    const mouse = flowOf('mouse');
    for (let i = 0; i < 100; i++) add(elephant, 0);
    for (let i = 0; i < 10; i++) add(mouse, 1);
    for (let nowMs = 10; running.length > 0; nowMs += 10) {
      const done = running.shift() as QueuedRequest;
      finished.push(done.flow.distinguisher);
      set.finish(done, nowMs);
    }
    assert.equal(finished.length, 110);
    // The elephant's requests lie in a hand of 4 queues, the mouse's in its own: one in five turns is the mouse's at worst.
    assert.ok(
      finished.lastIndexOf('mouse') < 60,
      `the mouse was served last as number ${finished.lastIndexOf('mouse')}`,
    );
    assert.equal(set.isIdle, true);
  });

  test('seats are kept while watchers are told', () => {
    const set = queueSet(1, 3);
    const write = { initialSeats: 1, finalSeats: 3, additionalMs: 15 };
    const first = set.start(flowOf('a'), write, user, info, 0) as QueuedRequest;
    const second = set.start(flowOf('a'), ONE_SEAT, user, info, 0) as QueuedRequest;
    assert.deepEqual([first.state, second.state], ['executing', 'waiting']);
    assert.equal(set.finish(first, 5), 15);
    assert.equal(second.state, 'waiting');
    set.release(first, 20);
    assert.equal(second.state, 'executing');
  });

  test('a request wider than all seats runs alone', () => {
    const set = queueSet(1, 2);
    const wide = { initialSeats: 5, finalSeats: 0, additionalMs: 0 };
    const small = set.start(flowOf('a'), ONE_SEAT, user, info, 0) as QueuedRequest;
    const large = set.start(flowOf('b'), wide, user, info, 0) as QueuedRequest;
    assert.equal(large.state, 'waiting');
    set.finish(small, 1);
    assert.equal(large.state, 'executing');
  });

  test('whatever happens, seats add up and nobody is forgotten', () => {
    const step = fc.record({
      kind: fc.constantFrom('start', 'finish', 'cancel', 'configure'),
      flow: fc.integer({ min: 0, max: 5 }),
      seats: fc.integer({ min: 1, max: 4 }),
      at: fc.nat(100),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const set = queueSet(8, 4, 5);
        const open = new Set<QueuedRequest>();
        let nowMs = 0;
        for (const { kind, flow, seats, at } of steps) {
          nowMs += at % 7;
          const pick = [...open][at % Math.max(1, open.size)];
          if (kind === 'start') {
            const work = { initialSeats: seats, finalSeats: 0, additionalMs: 0 };
            const request = set.start(flowOf(String(flow)), work, user, info, nowMs);
            if (request !== undefined) open.add(request);
          } else if (kind === 'finish' && pick?.state === 'executing') {
            set.finish(pick, nowMs);
            open.delete(pick);
          } else if (kind === 'cancel' && pick?.state === 'waiting') {
            set.cancel(pick, nowMs);
            open.delete(pick);
          } else if (kind === 'configure') {
            set.configure({ queues: 1 + (at % 8), handSize: 1, queueLengthMax: 5 }, 1 + (at % 6), nowMs);
          }
          const executing = [...open].filter(({ state }) => state === 'executing');
          const waiting = [...open].filter(({ state }) => state === 'waiting');
          assert.equal(set.executing, executing.length);
          assert.equal(set.waiting, waiting.length);
          assert.equal(
            set.seatsInUse,
            executing.reduce((sum, request) => sum + request.seats, 0),
          );
          assert.equal(
            set.seatsWaiting,
            waiting.reduce((sum, request) => sum + request.seats, 0),
          );
        }
        // All that run end, so all that wait get their turn.
        for (let rounds = 0; open.size > 0 && rounds < 500; rounds++) {
          for (const request of open) {
            if (request.state !== 'executing') continue;
            set.finish(request, ++nowMs);
            open.delete(request);
          }
        }
        assert.equal(open.size, 0);
        assert.equal(set.isIdle, true);
      }),
    );
  });
});
