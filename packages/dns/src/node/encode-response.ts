/** A response as bytes with compressed names (RFC 1035 4.1.4), which dns-packet does not write: more addresses fit. */
import dnsPacket from 'dns-packet';
import type { DnsRecord } from '../message.ts';

const POINTER = 0xc000;
const POINTER_OFFSET_MAX = 0x3fff;
const OPT_TYPE = 41;
const CLASS_IN = 1;

export interface Response {
  readonly id: number;
  readonly flags: number;
  readonly question: dnsPacket.Question | undefined;
  /** Answers, authorities, additionals. */
  readonly sections: readonly [readonly DnsRecord[], readonly DnsRecord[], readonly DnsRecord[]];
  /** undefined: the client did not speak EDNS0, so it gets none. */
  readonly ednsBytes: number | undefined;
}

/** dns-packet's codec of one record type's data; not in its published types. */
interface Codec {
  encode(data: unknown): Buffer;
}
const codecOf = (dnsPacket as unknown as { record(type: string): Codec }).record;

export function encodeResponse(response: Response): Buffer {
  const { question, sections, ednsBytes } = response;
  const out = createWriter();
  const counts = sections.map((list) => list.length);
  const header = [response.id, response.flags, question === undefined ? 0 : 1, ...counts];
  if (ednsBytes !== undefined) header[5] = (header[5] as number) + 1;
  for (const value of header) out.uint16(value);
  if (question !== undefined) {
    out.name(question.name);
    out.uint16(typeNumber(question.type));
    out.uint16(CLASS_IN);
  }
  for (const record of sections.flat()) {
    out.name(record.name);
    out.uint16(typeNumber(record.type));
    out.uint16(CLASS_IN);
    out.uint32(record.ttl);
    out.bytes(codecOf(record.type).encode(record.data)); // with its length in front
  }
  if (ednsBytes !== undefined) {
    out.bytes(Buffer.from([0]));
    out.uint16(OPT_TYPE);
    out.uint16(ednsBytes);
    out.uint32(0);
    out.uint16(0);
  }
  return out.take();
}

/** `A` -> 1, `UNKNOWN_65` -> 65. The library keeps its table to itself: it is asked by encoding a question. */
function typeNumber(type: string): number {
  if (type === 'A') return 1;
  if (type === 'AAAA') return 28;
  const encoded = dnsPacket.encode({ type: 'query', questions: [{ type: type as dnsPacket.RecordType, name: '.' }] });
  return encoded.readUInt16BE(encoded.length - 4);
}

function createWriter() {
  const parts: Buffer[] = [];
  const offsets = new Map<string, number>();
  let length = 0;
  const bytes = (part: Buffer) => {
    parts.push(part);
    length += part.length;
  };
  const uint16 = (value: number) => bytes(Buffer.from([(value >> 8) & 255, value & 255]));
  return {
    bytes,
    uint16,
    uint32(value: number) {
      const part = Buffer.alloc(4);
      part.writeUInt32BE(Math.max(0, Math.min(0xffff_ffff, Math.floor(value))));
      bytes(part);
    },
    name(name: string) {
      let rest = name.replace(/\.$/, '');
      while (rest !== '') {
        const known = offsets.get(rest);
        if (known !== undefined) return uint16(POINTER | known);
        if (length <= POINTER_OFFSET_MAX) offsets.set(rest, length);
        const dot = rest.indexOf('.');
        const label = Buffer.from(dot < 0 ? rest : rest.slice(0, dot));
        bytes(Buffer.concat([Buffer.from([label.length & 63]), label.subarray(0, 63)]));
        rest = dot < 0 ? '' : rest.slice(dot + 1);
      }
      bytes(Buffer.from([0]));
    },
    take: () => Buffer.concat(parts, length),
  };
}
