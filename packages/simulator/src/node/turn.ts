/** One turn of the host's event loop: by then every promise that waited for nothing outside has gone on. */
export const hostTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
