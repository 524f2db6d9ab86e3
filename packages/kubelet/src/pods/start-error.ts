/** Why a container could not be started: `waiting.reason` and `waiting.message` of its status. */
export class StartError extends Error {
  override readonly name = 'StartError';
  /** `ErrImagePull`, `CreateContainerConfigError`, `CrashLoopBackOff`, ... */
  readonly reason: string;
  /** When to try again; undefined = after the usual pause. */
  readonly retryAtMs: number | undefined;

  /** False when it repeats what was told before. */
  readonly isNew: boolean;

  constructor(reason: string, message: string, retryAtMs?: number, isNew = true) {
    super(message);
    this.isNew = isNew;
    this.reason = reason;
    this.retryAtMs = retryAtMs;
  }
}
