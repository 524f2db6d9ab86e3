/** The clock of the node agent's tests: it settles by turns of the event loop, as their fakes answer in such. */
import { createVirtualClock as createClock, type VirtualClock } from '@kapella/base';

export type { VirtualClock };

const START_MS = 1_700_000_000_000;

/** `settle` lets pending promises run: setImmediate in Node. */
export const createVirtualClock = (settle: () => Promise<void>): VirtualClock => createClock(START_MS, settle);
