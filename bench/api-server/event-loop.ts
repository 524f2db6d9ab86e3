/** The longest time in which a Node.js server answered nobody, as it says itself. */

/** Milliseconds. Throws when the server does not measure it. */
export function longestPauseMs(metricsText: string): number {
  const seconds = /^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(metricsText)?.[1];
  if (seconds === undefined) throw new Error('the metrics do not hold nodejs_eventloop_lag_max_seconds');
  return Number(seconds) * 1000;
}
