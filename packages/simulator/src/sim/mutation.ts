/** A planted bug: what it changes, and which checker has to notice. Each run makes its changes anew. */
import type { AdmissionPlugin, UserInfo } from '@kapella/apiserver';
import type { Transport } from '@kapella/client';
import type { Store } from '@kapella/store';
import type { FaultStep } from './plan.ts';

export interface Mutation {
  readonly name: string;
  /** What is wrong, in a few words. */
  readonly text: string;
  /** Any of these must tell of it. */
  readonly caughtBy: readonly string[];
  readonly store?: () => (store: Store) => Store;
  /** `lies`: what is written is said to be durable before it is. */
  readonly disk?: 'lies';
  /** What must go wrong for it to show; absent: nothing. */
  readonly faults?: readonly FaultStep[];
  readonly admission?: () => readonly AdmissionPlugin[];
  readonly transport?: () => (name: string, user: UserInfo, transport: Transport) => Transport;
}
