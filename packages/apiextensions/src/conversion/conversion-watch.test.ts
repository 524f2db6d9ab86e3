/** Watches and server-side apply of kinds whose versions a webhook converts. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  ask,
  at,
  convertAll,
  decoder,
  define,
  eventually,
  type Json,
  ok,
  send,
  stop,
  useConversionServer,
  v1,
  v2,
  webhook,
} from '../testing/node/conversion-server.ts';

useConversionServer();

describe('watches', () => {
  interface Seen {
    readonly events: Json[];
    isClosed: boolean;
  }

  async function watch(url: string): Promise<Seen> {
    const { body, status } = await send('GET', url);
    assert.equal(status, 200);
    assert.ok(!(body instanceof Uint8Array));
    const seen: Seen = { events: [], isClosed: false };
    const write = (chunk: Uint8Array) => {
      for (const line of decoder.decode(chunk).split('\n')) if (line !== '') seen.events.push(JSON.parse(line));
      return true;
    };
    const close = () => {
      seen.isClosed = true;
    };
    body.start({ write, close, onDrain: () => {} }, stop.signal);
    return seen;
  }

  test('by many in another version convert once, and keep the order', async () => {
    await define();
    const all = await Promise.all(Array.from({ length: 20 }, () => watch(`${at('v2')}?watch=1`)));
    webhook.reviews.length = 0;
    await Promise.all(Array.from({ length: 10 }, (_, i) => ok('POST', at('v1'), v1(`h${i}`, `left:${i}`))));
    await eventually('all have seen all', () => all.every(({ events }) => events.length === 10));
    assert.equal(webhook.reviews.flatMap(({ request }) => request.objects).length, 10);
    for (const { events } of all) {
      assert.ok(events.every((e: Json) => e.type === 'ADDED' && e.object.host === 'left'));
      const revisions = events.map((e: Json) => Number(e.object.metadata.resourceVersion));
      assert.deepEqual(
        revisions,
        revisions.toSorted((a, b) => a - b),
      );
    }
  });

  test('select by the fields of their version', async () => {
    await define();
    const left = await watch(`${at('v2')}?watch=1&fieldSelector=host%3Dleft`);
    const one = await watch(`${at('v1')}?watch=1&fieldSelector=hostPort%3Dleft:1`);
    await ok('POST', at('v2'), v2('a', 'left', '1'));
    await ok('POST', at('v2'), v2('b', 'right', '1'));
    await ok('PATCH', at('v2', 'a'), { host: 'right' }, 'application/merge-patch+json');
    const types = ({ events }: Seen) => events.map((e: Json) => [e.type, e.object.metadata.name]).join();
    await eventually('it came and went', () => types(left) === 'ADDED,a,DELETED,a' && types(one) === types(left));
    assert.equal((await ok('GET', `${at('v2')}?fieldSelector=host%3Dright`)).items.length, 2);
    assert.equal((await ok('GET', `${at('v1')}?fieldSelector=hostPort%3Dright:1`)).items.length, 2);
  });

  test('end when an event cannot be converted, so that their clients list again', async () => {
    await define();
    const seen = await watch(`${at('v2')}?watch=1`);
    webhook.answer = () => ({ status: 500, body: 'broken' });
    await ok('POST', at('v1'), v1('a', 'left:1'));
    await eventually('the watch ends', () => seen.isClosed);
    assert.equal(seen.events.at(-1).type, 'ERROR');
    assert.match((await ask('GET', at('v2'))).json.message, /has prevented the request from succeeding/);
    webhook.answer = convertAll();
    assert.equal((await ok('GET', at('v2'))).items.length, 1);
  });
});

describe('server-side apply', () => {
  const apply = (v: string, manager: string, body: object, force = false) =>
    ask('PATCH', `${at(v, 'a')}?fieldManager=${manager}&force=${force}`, body, 'application/apply-patch+yaml');

  test('finds conflicts with fields that others own in another version', async () => {
    await define();
    assert.equal((await apply('v1', 'one', v1('a', 'left:1'))).status, 201);
    const clash = await apply('v2', 'two', v2('a', 'right', '1'));
    assert.equal(clash.status, 409);
    assert.match(clash.json.message, /conflict with "one": .hostPort/);
    const forced = await apply('v2', 'two', v2('a', 'right', '1'), true);
    assert.equal(forced.status, 200, JSON.stringify(forced.json));
    assert.deepEqual(
      forced.json.metadata.managedFields.map((m: Json) => [m.manager, m.apiVersion]),
      [['two', 'example.com/v2']],
    );
    assert.equal((await ok('GET', at('v1', 'a'))).hostPort, 'right:1');
  });

  test('takes away what its manager applied in another version', async () => {
    await define();
    const spec = { replicas: 1, v1: 'x' };
    assert.equal((await apply('v1', 'one', v1('a', 'left:1', { spec }))).status, 201);
    const next = await apply('v2', 'one', v2('a', 'left', '1', { spec: { replicas: 1 } }));
    assert.equal(next.status, 200, JSON.stringify(next.json));
    assert.deepEqual(next.json.spec, { replicas: 1 });
    assert.deepEqual(
      next.json.metadata.managedFields.map((m: Json) => [m.manager, m.apiVersion]),
      [['one', 'example.com/v2']],
    );
  });
});
