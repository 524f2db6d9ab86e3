/** @kapella/dns: the cluster's names. Pure parts; @kapella/dns/node listens and forwards. */
export * from './dns-objects.ts';
export * from './follow-records.ts';
export * from './message.ts';
export * from './plan-records.ts';
export { cachePlugin } from './plugins/cache/cache.plugin.ts';
export { type DnsCounts, renderCounts } from './plugins/errors/errors.plugin.ts';
export { forwardPlugin, parseResolvConf, type Upstream } from './plugins/forward/forward.plugin.ts';
export * from './plugins/index.ts';
export { answerFromZone, type ZoneAnswer } from './plugins/kubernetes/answer.ts';
export * from './record-index.ts';
export * from './reverse-name.ts';
