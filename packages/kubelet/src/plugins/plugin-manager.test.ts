/** Sockets come, go and are made anew; plugins are told whether they were taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSeededRandom, createVirtualClock, type Ctx, silentLogger } from '@kapella/base';
import { type PluginHost, type PluginSocket, runPluginManager } from './plugin-manager.ts';

test('registers what is there, again what is made anew, and tells of refusals', async () => {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const ctx: Ctx = { signal: stop.signal, log: silentLogger, clock, random: createSeededRandom() };
  const told: string[] = [];
  let sockets: PluginSocket[] = [];
  let changed = () => {};
  let refusals = 1;
  const host: PluginHost = {
    sockets: async () => sockets,
    async watch(onChange, watcher) {
      changed = onChange;
      await new Promise((resolve) => watcher.signal.addEventListener('abort', resolve));
    },
    connect: (path) => ({
      info: async () => ({ type: 'CSIPlugin', name: path.slice(1), endpoint: '', supportedVersions: ['1.0.0'] }),
      notify: async (registered, error) => void told.push(`${path} ${registered} ${error}`.trim()),
      close: () => {},
    }),
  };
  const handler = {
    register: async ({ name, endpoint }: { name: string; endpoint: string }) => {
      if (refusals-- > 0) throw new Error('not now');
      told.push(`register ${name} ${endpoint}`);
    },
    deregister: async ({ name }: { name: string }) => void told.push(`deregister ${name}`),
  };
  const running = runPluginManager(host, new Map([['CSIPlugin', handler]]), ctx);
  sockets = [{ path: '/a', id: '1' }];
  changed();
  await clock.advance(600);
  assert.deepEqual(told.splice(0), ['/a false not now', 'register a /a', '/a true']);
  sockets = [{ path: '/a', id: '2' }];
  changed();
  await clock.advance(0);
  assert.deepEqual(told.splice(0), ['deregister a', 'register a /a', '/a true']);
  sockets = [];
  changed();
  await clock.advance(0);
  assert.deepEqual(told.splice(0), ['deregister a']);
  stop.abort();
  await running;
});
