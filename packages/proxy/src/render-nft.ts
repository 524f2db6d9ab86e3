/** Tables and changes -> text for `nft -f`. Only maps: a packet meets the same few rules whatever the Services. */
import type { Family, ProxyNode, RuleChange, RuleState, SetName } from './model.ts';
import { familyOf, SET_NAMES } from './model.ts';

/** Packets with this bit are masqueraded on their way out; upstream uses the same one. */
const MASQUERADE_MARK = '0x4000';
const CLIENTS_MAX = 1_048_576;

interface Words {
  /** Family of the table and of its address expressions. */
  readonly ip: 'ip' | 'ip6';
  readonly address: 'ipv4_addr' | 'ipv6_addr';
}

const WORDS: Readonly<Record<Family, Words>> = {
  IPv4: { ip: 'ip', address: 'ipv4_addr' },
  IPv6: { ip: 'ip6', address: 'ipv6_addr' },
};

/** One table per cluster and family. `name` must be a DNS label. */
export const tableName = (clusterName: string): string => `kapella-${clusterName}`;

/** Address, protocol and port that a packet is sent to. */
const target = (w: Words): string => `${w.ip} daddr . meta l4proto . th dport`;

function declarations(w: Words): Readonly<Record<SetName | 'clients', string>> {
  const front = `${w.address} . inet_proto . inet_service`;
  const picked = `type ${front} . mark : ${w.address} . inet_service;`;
  return {
    services: `map services { type ${front} : verdict; }`,
    endpoints: `map endpoints { ${picked} }`,
    'external-local': `map external-local { type ${front} : verdict; }`,
    'endpoints-local': `map endpoints-local { ${picked} }`,
    'sticky-ids': `map sticky-ids { type ${front} . mark : mark; }`,
    'sticky-ids-local': `map sticky-ids-local { type ${front} . mark : mark; }`,
    'sticky-endpoints': `map sticky-endpoints { type ${front} . mark : ${w.address} . inet_service; }`,
    masquerades: `map masquerades { type ${front} : verdict; }`,
    refused: `map refused { type ${front} : verdict; }`,
    'cluster-ips': `set cluster-ips { type ${w.address}; }`,
    hairpin: `set hairpin { type ${w.address} . ${w.address}; }`,
    guarded: `set guarded { type ${front}; }`,
    allowed: `set allowed { type ${front} . ${w.address}; flags interval; }`,
    clients: `map clients { type ${w.address} . ${front} : mark; size ${CLIENTS_MAX}; flags dynamic,timeout; }`,
  };
}

const kindOf = (declaration: string): string => declaration.slice(0, declaration.indexOf(' '));

/** The chains that are always there, in the order in which they may name each other. */
function fixedChains(w: Words, podCIDRs: readonly string[]): readonly (readonly [string, readonly string[]])[] {
  const mark = `meta mark set meta mark | ${MASQUERADE_MARK}`;
  const inside = podCIDRs.length === 0 ? '' : `${w.ip} saddr != { ${podCIDRs.join(', ')} } `;
  return [
    ['refuse', ['meta l4proto tcp reject with tcp reset', 'reject']],
    ['mark-all', [mark]],
    ['mark-local', [`fib saddr type local ${mark}`]],
    // Loopback hostPorts need route_localnet on a Pod's cable; what comes in by a cable must not reach loopback by it.
    ['guard-loopback', w.ip === 'ip' ? ['iifname != "lo" ip daddr 127.0.0.0/8 drop'] : []],
    [
      'before-nat',
      [
        `${target(w)} @guarded ${target(w)} . ${w.ip} saddr != @allowed drop`,
        `ct state new ${target(w)} vmap @refused`,
      ],
    ],
    [
      'nat',
      [
        `${w.ip} daddr @cluster-ips ${inside}${mark}`,
        `${target(w)} vmap @masquerades`,
        `${inside}fib saddr type != local ${target(w)} vmap @external-local`,
        `${target(w)} vmap @services`,
      ],
    ],
    ['filter-prerouting', hooked('filter', 'prerouting', 'dstnat - 10', ['jump guard-loopback', 'jump before-nat'])],
    ['filter-output', hooked('filter', 'output', '-110', ['jump before-nat'])],
    ['nat-prerouting', hooked('nat', 'prerouting', 'dstnat', ['jump nat'])],
    ['nat-output', hooked('nat', 'output', '-100', ['jump nat'])],
    // What still goes to a ClusterIP after translation was for a port that the Service does not have.
    ['late-prerouting', hooked('filter', 'prerouting', 'dstnat + 10', [`${w.ip} daddr @cluster-ips goto refuse`])],
    ['late-output', hooked('filter', 'output', '-90', [`${w.ip} daddr @cluster-ips goto refuse`])],
    [
      'nat-postrouting',
      hooked('nat', 'postrouting', 'srcnat', [
        `ct status dnat ${w.ip} saddr . ${w.ip} daddr @hairpin masquerade fully-random`,
        `meta mark & ${MASQUERADE_MARK} == ${MASQUERADE_MARK} ` +
          `meta mark set meta mark ^ ${MASQUERADE_MARK} masquerade fully-random`,
      ]),
    ],
  ];
}

const HOOK = 'type ';
function hooked(type: string, hook: string, priority: string, rules: readonly string[]): readonly string[] {
  return [`${HOOK}${type} hook ${hook} priority ${priority}; policy accept;`, ...rules];
}

/** `pick-3`, `pick-local-3`, `stick-3-10800`, `stick-local-3-10800` -> its rules. */
function generatedChain(name: string, w: Words): readonly string[] {
  const [, kind, scope, count, seconds] = /^(pick|stick)-(local-)?(\d+)(?:-(\d+))?$/.exec(name) ?? [];
  const suffix = scope === undefined ? '' : '-local';
  const draw = `numgen random mod ${count}`;
  // The number goes through the connection's mark: nft 1.0.6 can name a type for it in a map only by `typeof`, which
  // it then cannot read back (`th dport`) or narrows to one protocol (`tcp dport`).
  if (kind === 'pick') {
    return [`ct mark set ${draw} dnat ${w.ip} to ${target(w)} . ct mark map @endpoints${suffix}`];
  }
  const client = `${w.ip} saddr . ${target(w)}`;
  const choose = `ct mark set ${target(w)} . ct mark map @sticky-ids${suffix}`;
  const remember = `update @clients { ${client} timeout ${seconds}s : ct mark }`;
  const go = `dnat ${w.ip} to ${target(w)} . ct mark map @sticky-endpoints`;
  return [
    // A failed look-up leaves the rule: an unknown client or a gone endpoint falls through to a new choice.
    `ct mark set ${client} map @clients ${choose} ${remember} ${go}`,
    `delete @clients { ${client} : ct mark }`,
    `ct mark set ${draw}`,
    choose,
    remember,
    go,
  ];
}

function chainText(head: string, name: string, rules: readonly string[]): string {
  const isBase = rules[0]?.startsWith(HOOK) === true;
  const plain = isBase ? rules.slice(1) : rules;
  const lines = [isBase ? `add chain ${head} ${name} { ${rules[0]} }` : `add chain ${head} ${name}`];
  lines.push(`flush chain ${head} ${name}`);
  for (const rule of plain) lines.push(`add rule ${head} ${name} ${rule}`);
  return lines.join('\n');
}

function elementsText(
  verb: 'add' | 'delete',
  head: string,
  set: string,
  elements: ReadonlyMap<string, string>,
): string {
  const list: string[] = [];
  for (const [key, value] of elements) list.push(value === '' || verb === 'delete' ? key : `${key} : ${value}`);
  return `${verb} element ${head} ${set} { ${list.join(', ')} }`;
}

/** Sets everything from whatever was there, in one transaction; clients keep their endpoints. */
export function renderFull(state: RuleState, clusterName: string, node: Pick<ProxyNode, 'podCIDRs'>): string {
  const w = WORDS[state.family];
  const head = `${w.ip} ${tableName(clusterName)}`;
  const declared = declarations(w);
  const lines = [`add table ${head}`];
  for (const declaration of Object.values(declared)) {
    const [kind, name] = declaration.split(' ');
    lines.push(`add ${kind} ${head} ${declaration.slice((kind as string).length + 1)}`);
    if (name !== 'clients') lines.push(`flush ${kindOf(declaration)} ${head} ${name}`);
  }
  const cidrs = node.podCIDRs.filter((cidr) => familyOf(cidr) === state.family);
  const fixed = fixedChains(w, cidrs);
  for (const [name, rules] of fixed) lines.push(chainText(head, name, rules));
  for (const name of [...state.chains].sort()) lines.push(chainText(head, name, generatedChain(name, w)));
  for (const set of SET_NAMES) {
    const elements = state.sets.get(set);
    if (elements !== undefined && elements.size > 0) lines.push(elementsText('add', head, set, elements));
  }
  return `${lines.join('\n')}\n`;
}

/** One transaction that turns the old table into the new one. */
export function renderChange(change: RuleChange, clusterName: string): string {
  const w = WORDS[change.family];
  const head = `${w.ip} ${tableName(clusterName)}`;
  const lines: string[] = [];
  for (const name of change.chainsAdded) lines.push(chainText(head, name, generatedChain(name, w)));
  for (const [set, { removed }] of change.sets) {
    if (removed.size > 0) lines.push(elementsText('delete', head, set, removed));
  }
  for (const [set, { added }] of change.sets) {
    if (added.size > 0) lines.push(elementsText('add', head, set, added));
  }
  for (const name of change.chainsRemoved) lines.push(`flush chain ${head} ${name}`, `delete chain ${head} ${name}`);
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** Removes the table whether or not it is there. */
export function renderRemove(family: Family, clusterName: string): string {
  const head = `${WORDS[family].ip} ${tableName(clusterName)}`;
  return `add table ${head}\ndelete table ${head}\n`;
}
