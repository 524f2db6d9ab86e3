/**
 * Envelope encryption by a KMS v2 plugin: one local seed, encrypted by the plugin, from which each value's key is derived.
 * The plugin is asked when its key changes and for seeds of others, never per value.
 * Source: apiserver/pkg/server/options/encryptionconfig/config.go (kmsv2PluginProbe), encrypt/envelope/kmsv2.
 */
import { createHash, randomBytes } from 'node:crypto';
import { type Ctx, describeError, formatTime, type Timer } from '@kapella/base';
import type { Transformer } from '../transformer.ts';
import { createExtendedNonceGcm, createGcm, INFO_BYTES } from './ciphers.ts';
import {
  checkDekSource,
  checkKeyId,
  type DekSource,
  decodeEnvelope,
  type EncryptedObject,
  encodeEnvelope,
  SOURCE_TYPE,
  sourceId,
} from './envelope.ts';
import type { KmsService, KmsStatus } from './kms-service.ts';

/** Upstream: kmsv2PluginHealthzPositiveInterval, kmsv2PluginHealthzNegativeInterval, kmsv2PluginWriteDEKSourceMaxTTL. */
const HEALTHY_POLL_MS = 60_000;
const UNHEALTHY_POLL_MS = 10_000;
const WRITE_MS_MAX = 180_000;
/** Seeds of other servers and of earlier keys. */
const SEEDS_MAX = 10_000;

interface State {
  readonly source: DekSource;
  readonly transformer: Transformer;
  /** Writes are refused from then on, unless the plugin confirms its key. */
  readonly expiresMs: number;
}

export class KmsProvider implements Transformer {
  readonly name: string;
  readonly #service: KmsService;
  readonly #ctx: Ctx;
  readonly #seeds = new Map<string, Transformer>();
  readonly #asked = new Map<string, Promise<Transformer>>();
  #state: State | undefined;
  #error: Error | undefined;
  #version: string | undefined;
  #timer: Timer | undefined;

  constructor(name: string, service: KmsService, ctx: Ctx) {
    this.name = name;
    this.#service = service;
    this.#ctx = ctx;
  }

  /** Resolves after the first look at the plugin, well or not; looks again until `close`. */
  async start(): Promise<void> {
    await this.#poll();
  }

  close(): void {
    this.#timer?.cancel();
    this.#service.close();
  }

  /** What is wrong; undefined: writes are possible, and the plugin answered when last asked. */
  get problem(): Error | undefined {
    return this.#error;
  }

  read(data: Uint8Array, context: Uint8Array): Uint8Array | Promise<Uint8Array> {
    const object = decodeEnvelope(data);
    const id = sourceId(object);
    const known = this.#seeds.get(id);
    if (known !== undefined) return known.read(object.encryptedData, context);
    return this.#ask(id, object).then((transformer) => transformer.read(object.encryptedData, context));
  }

  write(data: Uint8Array, context: Uint8Array): Uint8Array {
    const state = this.#state;
    if (state === undefined) {
      throw new Error(
        `the KMS plugin ${this.name} has given no key yet: ${this.#error?.message ?? 'it was not reached'}`,
      );
    }
    const nowMs = this.#ctx.clock.nowMs();
    if (nowMs > state.expiresMs) {
      const times = `expired at ${formatTime(state.expiresMs)} (current time is ${formatTime(nowMs)})`;
      throw new Error(`encryptedDEKSource with keyID hash ${JSON.stringify(hashOf(state.source.keyID))} ${times}`);
    }
    return encodeEnvelope({ ...state.source, encryptedData: state.transformer.write(data, context) });
  }

  isCurrent(data: Uint8Array): boolean {
    const { keyID, encryptedDEKSourceType } = decodeEnvelope(data);
    return keyID === this.#state?.source.keyID && encryptedDEKSourceType === this.#state.source.encryptedDEKSourceType;
  }

  /** One question for all values under one seed. */
  #ask(
    id: string,
    { encryptedDEKSource, keyID, annotations, encryptedDEKSourceType }: EncryptedObject,
  ): Promise<Transformer> {
    const running = this.#asked.get(id);
    if (running !== undefined) return running;
    const question = this.#service
      .decrypt({ ciphertext: encryptedDEKSource, keyId: keyID, annotations }, this.#ctx.random.uuid())
      .then(
        (key) => {
          const make = encryptedDEKSourceType === SOURCE_TYPE.hkdfSeed ? createExtendedNonceGcm : createGcm;
          const transformer = make(key);
          this.#keep(id, transformer);
          return transformer;
        },
        (cause: unknown) => {
          throw new Error(`failed to decrypt DEK, error: ${(cause as Error).message}`, { cause });
        },
      )
      .finally(() => this.#asked.delete(id));
    this.#asked.set(id, question);
    return question;
  }

  #keep(id: string, transformer: Transformer): void {
    this.#seeds.set(id, transformer);
    const oldest = this.#seeds.size > SEEDS_MAX ? this.#seeds.keys().next().value : undefined;
    if (oldest !== undefined) this.#seeds.delete(oldest);
  }

  async #poll(): Promise<void> {
    try {
      await this.#check();
      this.#error = undefined;
    } catch (error) {
      this.#error = error as Error;
      this.#ctx.log.error('KMS plugin is not healthy', { name: this.name, error: describeError(error) });
    }
    if (this.#ctx.signal.aborted) return;
    const delayMs = this.#error === undefined ? HEALTHY_POLL_MS : UNHEALTHY_POLL_MS;
    this.#timer = this.#ctx.clock.setTimer(delayMs, () => void this.#poll());
  }

  async #check(): Promise<void> {
    // From before the call: it is the upper bound of how long a key that was given up can still be written with.
    const expiresMs = this.#ctx.clock.nowMs() + WRITE_MS_MAX;
    const status = await this.#service.status();
    this.#checkStatus(status);
    if (this.#state?.source.keyID === status.keyId) this.#state = { ...this.#state, expiresMs };
    else await this.#rotate(status.keyId, expiresMs);
  }

  #checkStatus({ healthz, version, keyId }: KmsStatus): void {
    if (healthz !== 'ok') throw new Error(`got unexpected healthz status: ${healthz}`);
    if (version !== 'v2' && version !== 'v2beta1') throw new Error(`expected KMSv2 API version v2, got ${version}`);
    this.#version ??= version;
    if (version !== this.#version) {
      throw new Error(
        `KMSv2 API version should not change after the initial status response version ${this.#version}, got ${version}`,
      );
    }
    checkKeyId(keyId);
  }

  /** A new seed under the plugin's new key. On failure the old one serves until it expires. */
  async #rotate(keyId: string, expiresMs: number): Promise<void> {
    const seed = randomBytes(INFO_BYTES);
    const encrypted = await this.#service.encrypt(seed, this.#ctx.random.uuid());
    if (encrypted.keyId !== keyId) {
      const hashes = `status ${hashOf(keyId)}, encrypt ${hashOf(encrypted.keyId)}`;
      throw new Error(`the KMS plugin names one key by its status and another when it encrypts: ${hashes}`);
    }
    const source: DekSource = {
      keyID: encrypted.keyId,
      encryptedDEKSource: encrypted.ciphertext,
      annotations: encrypted.annotations,
      encryptedDEKSourceType: SOURCE_TYPE.hkdfSeed,
    };
    checkDekSource(source);
    const transformer = createExtendedNonceGcm(seed);
    this.#keep(sourceId(source), transformer);
    this.#state = { source, transformer, expiresMs };
    this.#ctx.log.info('KMS plugin gave a new key', { name: this.name, keyIdHash: hashOf(keyId) });
  }
}

const hashOf = (text: string): string =>
  text === '' ? '' : `sha256:${createHash('sha256').update(text).digest('hex')}`;
