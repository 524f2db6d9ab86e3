/** The driver on a real machine. */
export { createImageStore } from './image-store.ts';
export { createNodeHost } from './node-host.ts';
export { type DriverOptions, type RunningDriver, startDriver } from './start-driver.ts';
