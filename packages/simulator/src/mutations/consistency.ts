/** Planted bugs in what the store and the server promise about reads, writes, watches and crashes. */
import { defaultAdmission } from '@kapella/control-plane';
import type { Store, StoreEvent, WatchSink } from '@kapella/store';
import type { FaultStep } from '../sim/plan.ts';
import type { Mutation } from '../sim/mutation.ts';
import { jsonOf, ok, onRequests, onWatchLines } from './change.ts';

const COUNTER_KEY = '/registry/configmaps/kube-system/sim-counter';
const AUDITOR = /^auditor-/;

const crashAt = (atMs: number): FaultStep => ({ atMs, fault: 'api-crash', forMs: 1_000, target: '', amount: 0 });

export const consistencyMutations: readonly Mutation[] = [
  {
    name: 'disk-lies',
    text: 'the disk says that it is done three seconds before it is, and the server crashes',
    caughtBy: ['no-acknowledged-write-lost'],
    disk: 'lies',
    faults: [crashAt(30_000), crashAt(60_000)],
  },
  {
    name: 'store-overwrites',
    text: 'a write goes through whatever was written since it was read',
    caughtBy: ['no-lost-update'],
    store: () => (store) => {
      const commit = store.commit.bind(store);
      return Object.assign(store, {
        async commit(...[write, ctx]: Parameters<Store['commit']>) {
          const result = await commit(write, ctx);
          if (result.ok || write.key !== COUNTER_KEY) return result;
          return commit({ ...write, expectedRevision: result.current?.modRevision ?? 0 }, ctx);
        },
      });
    },
    // The server too must not have noticed before.
    transport: () =>
      onRequests({ user: 'system:apiserver', method: 'PUT', path: /\/sim-counter$/ }, () => (request, send) => {
        const body = JSON.parse(new TextDecoder().decode(request.body)) as { metadata: object };
        const metadata = { ...body.metadata, resourceVersion: undefined };
        return send({ ...request, body: new TextEncoder().encode(JSON.stringify({ ...body, metadata })) });
      }),
  },
  {
    name: 'get-old',
    text: 'every fourth read of an object is answered as it was four reads before',
    caughtBy: ['reads-never-go-back'],
    transport: () => {
      const wrap = onRequests({ user: 'system:apiserver', method: 'GET', path: /\/sim-counter$/ }, () => {
        const seen: object[] = [];
        return async (request, send) => {
          const response = await send(request);
          if (response.status !== 200) return response;
          seen.push(jsonOf(response));
          return seen.length % 4 === 0 && seen.length > 4 ? ok(seen.at(-5) ?? {}) : response;
        };
      });
      return (name, user, transport) => (name === 'counter-reader' ? wrap(name, user, transport) : transport);
    },
  },
  {
    name: 'watch-skips-ahead',
    text: 'a watch resumes five revisions after where it was',
    caughtBy: ['watch-guarantees'],
    transport: () => (name, _user, transport) => ({
      request(request, ctx) {
        const isWatch = AUDITOR.test(name) && request.query.includes('watch=true');
        const query = isWatch
          ? request.query.replace(
              /resourceVersion=(\d+)/,
              (_all, text: string) => `resourceVersion=${Number(text) + 5}`,
            )
          : request.query;
        return transport.request({ ...request, query }, ctx);
      },
      close: () => transport.close(),
    }),
  },
  {
    name: 'watch-from-before',
    text: 'a watch resumes two revisions before where it was',
    caughtBy: ['watch-guarantees'],
    transport: () => (name, _user, transport) => ({
      request(request, ctx) {
        const isWatch = AUDITOR.test(name) && request.query.includes('watch=true');
        const earlier = (_all: string, text: string) => `resourceVersion=${Math.max(1, Number(text) - 2)}`;
        const query = isWatch ? request.query.replace(/resourceVersion=(\d+)/, earlier) : request.query;
        return transport.request({ ...request, query }, ctx);
      },
      close: () => transport.close(),
    }),
  },
  {
    name: 'watch-loses-deletes',
    text: 'a watch never says that anything was deleted',
    caughtBy: ['watch-guarantees'],
    transport: () => onWatchLines(AUDITOR, () => (line) => (line.includes('"type":"DELETED"') ? [] : [line])),
  },
  {
    name: 'store-repeats-events',
    text: 'one change in twenty is told twice',
    caughtBy: ['watch-guarantees', 'no-component-fails', 'convergence'],
    store: () => {
      let seen = 0;
      return telling((events) => events.flatMap((event) => (++seen % 20 === 0 ? [event, event] : [event])));
    },
  },
  {
    name: 'protection-missing',
    text: 'claims that are in use are not kept',
    caughtBy: ['claim-kept-while-used'],
    admission: () => defaultAdmission().filter(({ name }) => name !== 'StorageObjectInUseProtection'),
    // The controller puts back what admission left out.
    transport: () =>
      onRequests(
        { user: 'pvc-protection-controller', method: 'PUT|PATCH', path: /\/persistentvolumeclaims\// },
        () => async () => ok({}),
      ),
  },
  {
    name: 'leader-deaf',
    text: 'a leader believes that its renewals were written, and none was',
    caughtBy: ['one-leader-writes'],
    transport: () => {
      const wrap = onRequests({ user: 'system:apiserver', method: 'PUT', path: /\/leases\/sim-leader$/ }, () => {
        let isHeld = false;
        return async (request, send) => {
          if (isHeld) return ok(JSON.parse(new TextDecoder().decode(request.body)) as object);
          isHeld = true;
          return send(request);
        };
      });
      return (name, user, transport) => (name === 'candidate-a' ? wrap(name, user, transport) : transport);
    },
  },
];

function telling(change: (events: readonly StoreEvent[]) => readonly StoreEvent[]): (store: Store) => Store {
  return (store) => {
    const watch = store.watch.bind(store);
    return Object.assign(store, {
      watch(prefix: string, after: number, sink: WatchSink) {
        const told: WatchSink = {
          events: (events) => sink.events(change(events)),
          progress: (revision) => sink.progress(revision),
          closed: (error) => sink.closed(error),
        };
        return watch(prefix, after, told);
      },
    });
  };
}
