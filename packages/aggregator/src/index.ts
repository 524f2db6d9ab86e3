/** @kapella/aggregator: groups that other servers serve, behind this one. */
export { type Aggregator, type AggregatorOptions, createAggregator, type ServiceDialer } from './aggregator.ts';
export { mergeOpenApiV2, type RemoteSchemas } from './remote-openapi.ts';
