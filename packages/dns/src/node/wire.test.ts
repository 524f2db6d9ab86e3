/** Whatever is encoded is what another implementation reads; truncation holds the limit; noise does no harm. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import dnsPacket from 'dns-packet';
import fc from 'fast-check';
import { type DnsRecord, replyOf } from '../message.ts';
import { decodeQuery, decodeReply, encodeQuestion, encodeReply } from './wire.ts';

const label = fc.stringMatching(/^[a-z0-9_]([a-z0-9-]{0,10}[a-z0-9])?$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'));
const ip = fc.ipV4();
const record: fc.Arbitrary<DnsRecord> = fc.oneof(
  fc.record({ name, type: fc.constant('A'), ttl: fc.nat(), data: ip }),
  fc.record({ name, type: fc.constantFrom('CNAME', 'PTR', 'NS'), ttl: fc.nat(), data: name }),
  fc.record({
    name,
    type: fc.constant('SRV'),
    ttl: fc.nat(),
    data: fc.record({ priority: fc.nat(9), weight: fc.nat(100), port: fc.nat(65535), target: name }),
  }),
  fc.record({ name, type: fc.constant('UNKNOWN_65'), ttl: fc.nat(), data: fc.uint8Array().map((b) => Buffer.from(b)) }),
);

test('replies come back as they went, compressed names and all', () => {
  fc.assert(
    fc.property(
      name,
      fc.array(record, { maxLength: 20 }),
      fc.array(record, { maxLength: 3 }),
      (asked, answers, authorities) => {
        const query = { name: asked, type: 'A', wantsDnssec: false };
        const wire = decodeQuery(encodeQuestion(7, query));
        assert.ok(wire);
        const bytes = encodeReply(wire, { ...replyOf('NXDOMAIN'), answers, authorities }, 65_535);
        const back = decodeReply(bytes, 7, query)?.reply;
        const text = (list: unknown) => JSON.stringify(list);
        assert.equal(text(back?.answers), text(answers));
        assert.equal(text(back?.authorities), text(authorities));
        assert.equal(back?.code, 'NXDOMAIN');
        const cut = encodeReply(wire, { ...replyOf('NOERROR'), answers }, 512);
        assert.ok(cut.length <= 512);
        assert.equal(
          dnsPacket.decode(cut).flag_tc,
          encodeReply(wire, { ...replyOf('NOERROR'), answers }, 65_535).length > 512,
        );
      },
    ),
  );
});

test('28 addresses of one name fit into a plain UDP answer', () => {
  const wire = decodeQuery(
    dnsPacket.encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'a.b.svc.cluster.local' }] }),
  );
  assert.ok(wire);
  const answers = Array.from({ length: 28 }, (_, i) => ({
    name: 'a.b.svc.cluster.local',
    type: 'A',
    ttl: 5,
    data: `10.0.0.${i}`,
  }));
  assert.equal(dnsPacket.decode(encodeReply(wire, { ...replyOf('NOERROR'), answers }, 512)).answers?.length, 28);
});

test('any bytes: an answer that can be read, or none', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (noise) => {
      const wire = decodeQuery(Buffer.from(noise));
      if (wire !== undefined) dnsPacket.decode(encodeReply(wire, replyOf(wire.refusal), 512));
    }),
    { numRuns: 2_000 },
  );
});
