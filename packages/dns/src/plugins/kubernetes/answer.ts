/** (records, query) -> answer for the cluster's zone. Source: Kubernetes DNS specification 1.1. */
import type { DnsQuery, DnsRecord, DnsReply, SrvData } from '../../message.ts';
import type { ZoneOptions } from '../../plan-records.ts';
import type { RecordIndex } from '../../record-index.ts';

const DNS_VERSION = '1.1.0';
const CNAMES_MAX = 8;

export interface ZoneAnswer {
  readonly reply: DnsReply;
  /** The end of a CNAME chain that lies outside of the zone: to be asked elsewhere. */
  readonly follow?: string;
}

/** Pure. undefined: the name is not of this zone. A reverse name is, only when there is a record. */
export function answerFromZone(index: RecordIndex, options: ZoneOptions, query: DnsQuery): ZoneAnswer | undefined {
  const { zone } = options;
  const { name, type } = query;
  if (!isWithin(name, zone)) {
    const found = name.endsWith('.arpa') ? index.at(name) : [];
    if (found.length === 0) return undefined;
    return { reply: answered(index, options, ofType(found, type)) };
  }
  const chain: DnsRecord[] = [];
  for (let current = name; chain.length < CNAMES_MAX; ) {
    const records = recordsAt(index, options, current);
    const cname = records.find((record) => record.type === 'CNAME');
    if (cname !== undefined && type !== 'CNAME' && type !== 'ANY') {
      chain.push(cname);
      current = String(cname.data);
      if (!isWithin(current, zone)) return { reply: answered(index, options, chain), follow: current };
      continue;
    }
    const found = ofType(records, type);
    if (found.length > 0) return { reply: answered(index, options, [...chain, ...found]) };
    const isThere = records.length > 0 || nameExists(index, zone, current);
    return { reply: { ...negative(options, isThere), answers: chain } };
  }
  return { reply: { ...negative(options, true), code: 'SERVFAIL' } };
}

const isWithin = (name: string, zone: string) => name === zone || name.endsWith(`.${zone}`);

const ofType = (records: readonly DnsRecord[], type: string) =>
  type === 'ANY' ? records : records.filter((record) => record.type === type);

function recordsAt(index: RecordIndex, options: ZoneOptions, name: string): readonly DnsRecord[] {
  const { zone, ttlSeconds: ttl } = options;
  if (name === zone) return [soa(options), { name, type: 'NS', ttl, data: `ns.dns.${zone}` }];
  if (name === `dns-version.${zone}`) return [{ name, type: 'TXT', ttl, data: DNS_VERSION }];
  if (name.endsWith(`.pod.${zone}`)) return podRecords(index, options, name);
  if (name === `ns.dns.${zone}`) {
    return index
      .at(`kube-dns.kube-system.svc.${zone}`)
      .filter((r) => r.type !== 'SRV')
      .map((r) => ({ ...r, name }));
  }
  return index.at(name);
}

/** `10-244-0-3.ns.pod.zone` answers with the address in its name: whoever can ask knows it already. */
function podRecords(index: RecordIndex, { zone, ttlSeconds: ttl }: ZoneOptions, name: string): readonly DnsRecord[] {
  const [address = '', namespace = '', ...rest] = name.slice(0, -`.pod.${zone}`.length).split('.');
  if (rest.length > 0 || !index.hasNamespace(namespace)) return [];
  if (/^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)-){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)$/.test(address)) {
    return [{ name, type: 'A', ttl, data: address.replaceAll('-', '.') }];
  }
  const ip = address.replaceAll('-', ':');
  return isIPv6(ip) ? [{ name, type: 'AAAA', ttl, data: ip }] : [];
}

function isIPv6(text: string): boolean {
  if (!/^[0-9a-f:]+$/.test(text) || text.includes(':::')) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const isFull = halves.length === 1 ? groups.length === 8 : groups.length < 8;
  return isFull && groups.every((group) => /^[0-9a-f]{1,4}$/.test(group));
}

/** Names without a record of their own: the branches of the tree, and namespaces. */
function nameExists(index: RecordIndex, zone: string, name: string): boolean {
  if (name === `svc.${zone}` || name === `pod.${zone}` || name === `dns.${zone}` || name === `ns.dns.${zone}`)
    return true;
  const namespace = /^([^.]+)\.(?:svc|pod)\.(.+)$/.exec(name);
  if (namespace?.[2] === zone && index.hasNamespace(namespace[1] as string)) return true;
  return index.exists(name);
}

function soa({ zone, ttlSeconds: ttl }: ZoneOptions): DnsRecord {
  const data = {
    mname: `ns.dns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: 1, // nobody transfers the zone
    refresh: 7_200,
    retry: 1_800,
    expire: 86_400,
    minimum: ttl,
  };
  return { name: zone, type: 'SOA', ttl, data };
}

function answered(index: RecordIndex, options: ZoneOptions, answers: readonly DnsRecord[]): DnsReply {
  const targets = new Set(answers.filter((r) => r.type === 'SRV').map((r) => (r.data as SrvData).target));
  const additionals = [...targets].flatMap((target) =>
    recordsAt(index, options, target).filter((r) => r.type === 'A' || r.type === 'AAAA'),
  );
  return { code: 'NOERROR', authoritative: true, answers, authorities: [], additionals };
}

const negative = (options: ZoneOptions, isThere: boolean): DnsReply => ({
  code: isThere ? 'NOERROR' : 'NXDOMAIN',
  authoritative: true,
  answers: [],
  authorities: [soa(options)],
  additionals: [],
});
