/** Pages through a proxy: which addresses change, and that nothing else does. */
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { type ProxyPlace, rewriteUrl, throughProxy } from './proxy-rewrite.ts';

const PLACE: ProxyPlace = { prefix: '/p/proxy', clientHost: 'api:6443', backendHost: '10.0.0.7:8080' };

const pageOf = async (html: string | Buffer, headers = {}, chunkBytes = 1 << 16) => {
  const bytes = Buffer.from(html);
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) chunks.push(bytes.subarray(at, at + chunkBytes));
  const answer = await throughProxy(
    { 'content-type': 'text/html; charset=utf-8', ...headers },
    Readable.from(chunks),
    PLACE,
  );
  await new Promise((resolve) => setImmediate(resolve)); // who reads it comes later
  return buffer(answer.body);
};

test('addresses below the root of the backend lead through the proxy', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['/x', '/p/proxy/x'],
    ['/x/', '/p/proxy/x/'],
    ['/', '/p/proxy/'],
    ['/a/../b?q=/c#/d', '/p/proxy/b?q=/c#/d'],
    ['http://10.0.0.7:8080/x', '/p/proxy/x'],
    ['//10.0.0.7:8080/x', '/p/proxy/x'],
    ['https://api:6443/x', 'https://api:6443/p/proxy/x'],
    ['/p/proxy/x', '/p/proxy/x'],
    ['x/y', 'x/y'],
    ['#top', '#top'],
    ['mailto:a@b', 'mailto:a@b'],
    ['https://example.com/x', 'https://example.com/x'],
  ];
  for (const [from, to] of rows) assert.equal(rewriteUrl(from, PLACE), to, from);
});

test('a page keeps every byte but those addresses, whatever its chunks', async () => {
  const html =
    '<!doctype html><title>é &amp; ü</title><A  HREF = "/one">1</A><img src=/two alt="/no">' +
    '<p data-x="/no">a < b</p><script>if (a < "/no") {}</script><form action="https://example.com/">';
  const wanted = html
    .replace('<A  HREF = "/one">', '<a href="/p/proxy/one">')
    .replace('<img src=/two alt="/no">', '<img src="/p/proxy/two" alt="/no">');
  for (const chunkBytes of [1, 7, 1 << 16]) assert.equal((await pageOf(html, {}, chunkBytes)).toString(), wanted);
});

test('a compressed page is changed inside and stays compressed; one that is not understood is left', async () => {
  const zipped = await pageOf(gzipSync('<a href="/x">'), { 'content-encoding': 'gzip' });
  assert.equal(gunzipSync(zipped).toString(), '<a href="/p/proxy/x">');
  assert.equal((await pageOf('<a href="/x">', { 'content-encoding': 'br' })).toString(), '<a href="/x">');
});

test('other content passes, redirects lead through the proxy, CORS headers stay behind', async () => {
  const json = await throughProxy(
    { 'content-type': 'application/json', 'access-control-allow-origin': '*' },
    Readable.from([Buffer.from('{"a":"<a href=/x>"}')]),
    PLACE,
  );
  assert.equal((await buffer(json.body)).toString(), '{"a":"<a href=/x>"}');
  assert.deepEqual(json.headers, { 'content-type': 'application/json' });
  const moved = await throughProxy({ location: '/login/', 'content-type': 'text/html' }, Readable.from([]), PLACE);
  assert.equal(moved.headers.location, '/p/proxy/login/');
});
