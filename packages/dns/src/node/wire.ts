/** Bytes <-> queries and replies. Source: RFC 1035, RFC 6891 (EDNS0); most of it by the dns-packet library. */
import dnsPacket from 'dns-packet';
import { type DnsQuery, type DnsRecord, type DnsReply, normalName, replyOf, type ResponseCode } from '../message.ts';
import { encodeResponse } from './encode-response.ts';

const HEADER_BYTES = 12;
const RESPONSE = 0x8000;
const UDP_BYTES_PLAIN = 512;
/** What we take and give at most in one UDP packet. */
export const UDP_BYTES_MAX = 4_096;
const EDNS_BYTES = 1_232;

const CODES: readonly ResponseCode[] = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

export interface WireQuery {
  readonly id: number;
  readonly flags: number;
  /** undefined: answer with `refusal`. */
  readonly query: DnsQuery | undefined;
  readonly refusal: ResponseCode;
  readonly question: dnsPacket.Question | undefined;
  readonly hasEdns: boolean;
  readonly udpBytesMax: number;
}

/** undefined: no answer is due (a response, or not even a header). */
export function decodeQuery(bytes: Buffer): WireQuery | undefined {
  if (bytes.length < HEADER_BYTES || (bytes.readUInt16BE(2) & RESPONSE) !== 0) return undefined;
  const id = bytes.readUInt16BE(0);
  const flags = bytes.readUInt16BE(2) & (dnsPacket.RECURSION_DESIRED | 0x7800);
  const refused = (refusal: ResponseCode): WireQuery => ({
    id,
    flags,
    query: undefined,
    refusal,
    question: undefined,
    hasEdns: false,
    udpBytesMax: UDP_BYTES_PLAIN,
  });
  if ((flags & 0x7800) !== 0) return refused('NOTIMP');
  let packet: dnsPacket.DecodedPacket;
  try {
    packet = dnsPacket.decode(bytes);
  } catch {
    return refused('FORMERR');
  }
  const question = packet.questions?.[0];
  if (question === undefined || packet.questions?.length !== 1) return refused('FORMERR');
  const opt = packet.additionals?.find((a) => a.type === 'OPT') as dnsPacket.OptAnswer | undefined;
  const edns = {
    hasEdns: opt !== undefined,
    udpBytesMax: Math.min(UDP_BYTES_MAX, Math.max(UDP_BYTES_PLAIN, opt?.udpPayloadSize ?? 0)),
  };
  if ((question.class ?? 'IN') !== 'IN' || isTransfer(question.type)) {
    return { ...refused('REFUSED'), question, ...edns };
  }
  const query: DnsQuery = {
    name: normalName(question.name),
    type: String(question.type),
    wantsDnssec: opt?.flag_do === true,
  };
  return { id, flags, query, refusal: 'NOERROR', question, ...edns };
}

const isTransfer = (type: string) => type === 'AXFR' || type === 'IXFR';

/** Fits into `bytesMax`: first without the additional records, then with fewer answers and the truncation bit. */
export function encodeReply(wire: WireQuery, reply: DnsReply, bytesMax: number): Buffer {
  const full = encode(wire, reply, false);
  if (full.length <= bytesMax) return full;
  const plain = encode(wire, { ...reply, additionals: [] }, false);
  if (plain.length <= bytesMax) return plain;
  let answers = reply.answers;
  for (;;) {
    answers = answers.slice(0, Math.floor(answers.length / 2));
    const less = encode(wire, { ...replyOf(reply.code), authoritative: reply.authoritative, answers }, true);
    if (less.length <= bytesMax || answers.length === 0) return less;
  }
}

function encode(wire: WireQuery, reply: DnsReply, isTruncated: boolean): Buffer {
  const { question } = wire;
  // The owner's name goes back as it was asked: some clients vary the case and compare.
  const asked = question === undefined ? undefined : normalName(question.name);
  const out = (records: readonly DnsRecord[]) =>
    records.map((r) => (normalName(r.name) === asked ? { ...r, name: question?.name ?? r.name } : r));
  const additionals = out(reply.additionals);
  const flags =
    RESPONSE |
    wire.flags |
    dnsPacket.RECURSION_AVAILABLE |
    (reply.authoritative ? dnsPacket.AUTHORITATIVE_ANSWER : 0) |
    (isTruncated ? dnsPacket.TRUNCATED_RESPONSE : 0) |
    CODES.indexOf(reply.code);
  return encodeResponse({
    id: wire.id,
    flags,
    question,
    sections: [out(reply.answers), out(reply.authorities), additionals],
    ednsBytes: wire.hasEdns ? EDNS_BYTES : undefined,
  });
}

/** A question to another server. */
export function encodeQuestion(id: number, query: DnsQuery): Buffer {
  const opt = {
    type: 'OPT' as const,
    name: '.' as const,
    udpPayloadSize: EDNS_BYTES,
    extendedRcode: 0,
    ednsVersion: 0,
    flags: query.wantsDnssec ? dnsPacket.DNSSEC_OK : 0,
    flag_do: query.wantsDnssec,
    options: [],
  };
  return dnsPacket.encode({
    type: 'query',
    id,
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name: query.name, type: query.type as dnsPacket.RecordType }],
    additionals: [opt],
  });
}

/** undefined: not the answer to this question (a stray or forged packet). */
export function decodeReply(
  bytes: Buffer,
  id: number,
  query: DnsQuery,
): { reply: DnsReply; isTruncated: boolean } | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt16BE(0) !== id) return undefined;
  const packet = dnsPacket.decode(bytes);
  const question = packet.questions?.[0];
  if (packet.type !== 'response' || question === undefined) return undefined;
  if (normalName(question.name) !== query.name || String(question.type) !== query.type) return undefined;
  const records = (list: readonly dnsPacket.Answer[] | undefined) =>
    (list ?? [])
      .filter((r) => r.type !== 'OPT')
      .map((r) => {
        const { name, type, ttl, data } = r as { name: string; type: string; ttl?: number; data: unknown };
        return { name, type, ttl: ttl ?? 0, data };
      });
  return {
    isTruncated: packet.flag_tc,
    reply: {
      code: CODES[bytes.readUInt16BE(2) & 0xf] ?? 'SERVFAIL',
      authoritative: false,
      answers: records(packet.answers),
      authorities: records(packet.authorities),
      additionals: records(packet.additionals),
    },
  };
}
