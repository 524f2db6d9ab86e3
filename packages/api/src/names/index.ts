/** Validators of names and of other short values, with upstream's messages. */
export * from './dns.ts';
export * from './ip.ts';
export { formatCidr, formatIp, type IpAddress, type IpNetwork, parseCidr, parseIp } from './ip-address.ts';
export * from './labels.ts';
export { byteLength, maxLengthError, rangeError, regexError } from './messages.ts';
export * from './object-meta.ts';
export * from './values.ts';
