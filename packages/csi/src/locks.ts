/** One task at a time for each key, in the order in which they came. */
export interface Locks {
  run<T>(key: string, task: () => Promise<T>): Promise<T>;
}

export function createLocks(): Locks {
  const tails = new Map<string, Promise<unknown>>();
  return {
    async run(key, task) {
      const before = tails.get(key) ?? Promise.resolve();
      const own = before.then(task, task);
      const settled = own.catch(() => {}); // who asked hears of it
      tails.set(key, settled);
      try {
        return await own;
      } finally {
        if (tails.get(key) === settled) tails.delete(key);
      }
    },
  };
}
