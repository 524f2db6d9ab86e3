/** Names of stop signals. Source: kubernetes pkg/apis/core/types.go. */
const PLAIN = [
  'SIGABRT', 'SIGALRM', 'SIGBUS', 'SIGCHLD', 'SIGCLD', 'SIGCONT', 'SIGFPE', 'SIGHUP', 'SIGILL', 'SIGINT', 'SIGIO',
  'SIGIOT', 'SIGKILL', 'SIGPIPE', 'SIGPOLL', 'SIGPROF', 'SIGPWR', 'SIGQUIT', 'SIGSEGV', 'SIGSTKFLT', 'SIGSTOP',
  'SIGSYS', 'SIGTERM', 'SIGTRAP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU', 'SIGURG', 'SIGUSR1', 'SIGUSR2', 'SIGVTALRM',
  'SIGWINCH', 'SIGXCPU', 'SIGXFSZ', 'SIGRTMIN', 'SIGRTMAX',
];
const count = (length: number) => Array.from({ length }, (_, i) => i + 1);

export const LINUX_SIGNALS: readonly string[] = [
  ...PLAIN,
  ...count(15).map((i) => `SIGRTMIN+${i}`),
  ...count(14).map((i) => `SIGRTMAX-${i}`),
].sort();
export const WINDOWS_SIGNALS: readonly string[] = ['SIGKILL', 'SIGTERM'];
