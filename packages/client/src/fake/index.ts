/** @kapella/client/fake: an API in memory, for tests. */
export { createFakeApi, type FakeApi, type FakeApiOptions, type FakeRequest } from './fake-api.ts';
