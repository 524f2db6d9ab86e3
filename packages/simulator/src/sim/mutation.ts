/** A planted bug: what it changes, and which checker has to notice. */
import type { AdmissionPlugin, UserInfo } from '@kapella/apiserver';
import type { Clock, Random } from '@kapella/base';
import type { Transport } from '@kapella/client';
import type { Store } from '@kapella/store';

export interface Mutation {
  readonly name: string;
  /** What is wrong, in a sentence. */
  readonly text: string;
  /** Any of these must tell of it. */
  readonly caughtBy: readonly string[];
  readonly scenario: string;
  store?(store: Store, random: Random): Store;
  admission?(): readonly AdmissionPlugin[];
  transport?(name: string, user: UserInfo, transport: Transport, clock: Clock): Transport;
}
