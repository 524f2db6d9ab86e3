/** Fixed names, such as those of nodes and of a local registry. Source: CoreDNS plugin/hosts. */
import type { DnsPlugin } from '../../message.ts';
import { normalName, replyOf } from '../../message.ts';

const TTL_SECONDS = 30;

/** `hosts`: name -> addresses. Other types of a known name are empty, not forwarded. */
export function hostsPlugin(hosts: ReadonlyMap<string, readonly string[]>): DnsPlugin {
  const byName = new Map([...hosts].map(([name, addresses]) => [normalName(name), addresses]));
  return {
    name: 'hosts',
    async handle(query, next, ctx) {
      const addresses = byName.get(query.name);
      if (addresses === undefined) return next(query, ctx);
      const answers = addresses
        .map((data) => ({ name: query.name, type: data.includes(':') ? 'AAAA' : 'A', ttl: TTL_SECONDS, data }))
        .filter((record) => record.type === query.type);
      return { ...replyOf('NOERROR'), authoritative: true, answers };
    },
  };
}
