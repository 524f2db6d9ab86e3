/** Kubernetes' protobuf encoding of all built-in types, driven by the generated facts. */
export type { Envelope, ProtobufCodec } from './codec.ts';
export {
  createProtobufCodec,
  decodeWatchEvent,
  encodeWatchEvent,
  hasEnvelope,
  readEnvelope,
  wrapEnvelope,
} from './codec.ts';
export { ProtobufError } from './reader.ts';
