/** Planted bugs of store, server, watches, admission and leader election. */
import { defaultAdmission } from '@kapella/control-plane';
import type { Store, StoreEvent, WatchSink } from '@kapella/store';
import type { Mutation } from '../sim/mutation.ts';
import { jsonOf, ok, onRequests, onWatchLines } from './change.ts';

const AUDITOR = /^auditor-/;

/** Every so-manieth time. */
function every(count: number): () => boolean {
  let seen = 0;
  return () => ++seen % count === 0;
}

function lyingStore(isLie: (write: Parameters<Store['commit']>[0]) => boolean): (store: Store) => Store {
  return (store) => {
    const commit = store.commit.bind(store);
    return Object.assign(store, {
      async commit(...args: Parameters<Store['commit']>) {
        if (!isLie(args[0])) return commit(...args);
        return { ok: true as const, revision: (await store.currentRevision(args[1])) + 1 };
      },
    });
  };
}

function tellingStore(
  change: (events: readonly StoreEvent[]) => readonly (readonly StoreEvent[])[],
): (store: Store) => Store {
  return (store) => {
    const watch = store.watch.bind(store);
    return Object.assign(store, {
      watch(prefix: string, after: number, sink: WatchSink) {
        const told: WatchSink = {
          events: (events) => {
            for (const some of change(events)) if (some.length > 0) sink.events(some);
          },
          progress: (revision) => sink.progress(revision),
          closed: (error) => sink.closed(error),
        };
        return watch(prefix, after, told);
      },
    });
  };
}

const WATCHES = ['watch-guarantees'];
const LOST = ['no-acknowledged-write-lost'];

export const machineryMutations: readonly Mutation[] = [
  {
    name: 'store-forgets-writes',
    text: 'every fifth write of a ConfigMap is acknowledged and never made',
    caughtBy: LOST,
    store: () => {
      const isFifth = every(5);
      return lyingStore(({ key }) => key.startsWith('/registry/configmaps/default/') && isFifth());
    },
  },
  {
    name: 'store-forgets-deletes',
    text: 'deletions of Pods are acknowledged and never made',
    caughtBy: [...LOST, 'convergence'],
    store: () => lyingStore(({ key, value }) => key.startsWith('/registry/pods/') && value === undefined),
  },
  {
    name: 'store-skips-events',
    text: 'one change in twenty is told to nobody',
    caughtBy: ['watch-guarantees', 'reads-are-true', 'convergence', 'user-is-served'],
    store: () => {
      const isTwentieth = every(20);
      return tellingStore((events) => [
        events.filter(({ key }) => !(key.startsWith('/registry/pods/') && isTwentieth())),
      ]);
    },
  },
  {
    name: 'list-old',
    text: 'a list of Pods is answered as it was the first time',
    caughtBy: ['reads-are-true'],
    transport: () => {
      let first: object | undefined;
      const match = { user: 'system:apiserver', method: 'GET', path: /^\/api\/v1\/pods$/ };
      return onRequests(match, () => async (request, send) => {
        if (request.query.includes('watch=true')) return send(request);
        first ??= jsonOf(await send(request));
        return ok(first);
      });
    },
  },
  {
    name: 'watch-twice',
    text: 'every event comes twice',
    caughtBy: WATCHES,
    transport: () => onWatchLines(AUDITOR, () => (line) => [line, line]),
  },
  {
    name: 'watch-gaps',
    text: 'every tenth event is left out',
    caughtBy: WATCHES,
    transport: () =>
      onWatchLines(AUDITOR, () => {
        const isTenth = every(10);
        return (line) => (isTenth() ? [] : [line]);
      }),
  },
  {
    name: 'watch-swaps',
    text: 'events change places with the ones after them',
    caughtBy: WATCHES,
    transport: () =>
      onWatchLines(AUDITOR, () => {
        let kept: string | undefined;
        return (line) => {
          const before = kept;
          kept = before === undefined ? line : undefined;
          return before === undefined ? [] : [line, before];
        };
      }),
  },
  {
    name: 'watch-mislabels',
    text: 'what is new is said to be changed',
    caughtBy: WATCHES,
    transport: () => onWatchLines(AUDITOR, () => (line) => [line.replace('"type":"ADDED"', '"type":"MODIFIED"')]),
  },
  {
    name: 'admission-without-quota',
    text: 'the ResourceQuota plugin is missing',
    caughtBy: ['quota-never-exceeded'],
    admission: () => defaultAdmission().filter(({ name }) => name !== 'ResourceQuota'),
  },
  {
    name: 'leader-impatient',
    text: 'one candidate takes the lease whoever holds it',
    caughtBy: ['one-leader-writes'],
    transport: () => {
      const match = { user: 'system:apiserver', method: 'GET', path: /\/leases\/sim-leader$/ };
      const wrap = onRequests(match, () => async (request, send) => {
        const response = await send(request);
        if (response.status !== 200) return response;
        const lease = jsonOf(response);
        return ok({ ...lease, spec: { ...lease['spec'], holderIdentity: '' } });
      });
      return (name, user, transport) => (name === 'candidate-b' ? wrap(name, user, transport) : transport);
    },
  },
];
