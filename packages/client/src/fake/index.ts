/** @kapella/client/fake: an API in memory and a clock that stands still, for tests. */
export { createFakeApi, type FakeApi, type FakeApiOptions, type FakeRequest } from './fake-api.ts';
export { createSeededRandom, createVirtualClock, type VirtualClock } from './virtual-clock.ts';
