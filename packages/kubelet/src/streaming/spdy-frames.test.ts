/** SPDY framing: what zlib and any chunking make of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { constants, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { spdyDictionary } from './spdy-dictionary.ts';
import {
  dataFrame,
  decodeHeaders,
  encodeHeaders,
  pingFrame,
  SpdyParser,
  StoredDeflater,
  synStreamFrame,
} from './spdy-frames.ts';

test('the dictionary is the one every SPDY/3 peer has', () => {
  const bytes = spdyDictionary();
  assert.equal(bytes.length, 1423);
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  assert.equal(b * 65_536 + a, 0xe3c6a7c2);
});

test('headers survive a real inflater, block after block of one stream', () => {
  const deflater = new StoredDeflater();
  const first = new Map([['streamtype', 'stdin']]);
  const second = new Map([
    ['streamtype', 'error'],
    ['port', '80'],
  ]);
  const joined = Buffer.concat([first, second].map((headers) => deflater.wrap(encodeHeaders(headers))));
  assert.deepEqual([...joined.subarray(-5)], [0, 0, 0, 0xff, 0xff], 'each block ends with a flush: Go waits for it');
  const plain = inflateSync(joined, { dictionary: spdyDictionary(), finishFlush: constants.Z_SYNC_FLUSH });
  assert.deepEqual(decodeHeaders(plain), first);
  assert.deepEqual(decodeHeaders(plain.subarray(encodeHeaders(first).length)), second);
});

test('any frames in any chunks come out whole and in order', () => {
  const frame = fc.oneof(
    fc.record({ streamId: fc.nat(1000), fin: fc.boolean(), data: fc.uint8Array({ maxLength: 300 }) }),
    fc.record({ ping: fc.nat(1000) }),
    fc.record({ syn: fc.nat(1000), block: fc.uint8Array({ maxLength: 50 }) }),
  );
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.integer({ min: 1, max: 70 }), (frames, chunkBytes) => {
      const bytes = Uint8Array.from(
        Buffer.concat(
          frames.map((f) =>
            'ping' in f
              ? pingFrame(f.ping)
              : 'syn' in f
                ? synStreamFrame(f.syn, f.block)
                : dataFrame(f.streamId, f.data, f.fin),
          ),
        ),
      );
      const parser = new SpdyParser();
      const out = [];
      for (let at = 0; at < bytes.length; at += chunkBytes)
        out.push(...parser.push(bytes.subarray(at, at + chunkBytes)));
      const expected = frames.map((f) =>
        'ping' in f
          ? { type: 'ping', id: f.ping }
          : 'syn' in f
            ? { type: 'synStream', streamId: f.syn, fin: false, block: f.block }
            : { type: 'data', ...f },
      );
      assert.deepEqual(
        out.map((o) => ({ ...o })),
        expected,
      );
    }),
  );
});

test('a frame of another version or beyond the limit is refused', () => {
  assert.throws(() => new SpdyParser().push(Uint8Array.from([0x80, 2, 0, 6, 0, 0, 0, 0])), /SPDY version 2/);
  const frame = pingFrame(1);
  frame.set([0xff, 0xff, 0xff], 5);
  assert.doesNotThrow(() => new SpdyParser().push(frame));
});
