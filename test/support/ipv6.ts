/** Whether this machine can have IPv6 addresses: kernels can be built and started without. Source: ip-sysctl, disable_ipv6. */
import { existsSync, readFileSync } from 'node:fs';

const SWITCH = '/proc/sys/net/ipv6/conf/default/disable_ipv6';

export const hasIpv6 = (): boolean => existsSync('/proc/net/if_inet6') && readFileSync(SWITCH, 'utf8').trim() === '0';
