/** A volume that could not be made, with upstream's name of the step that failed. */
export class MountError extends Error {
  override readonly name = 'MountError';
  /** It did nothing; else it may still be at work. */
  readonly isFinal: boolean;

  /** `specName`: the persistent volume, or the volume of the Pod where that is none. */
  constructor(step: string, specName: string, why: string, isFinal = true) {
    super(`${step} failed for volume "${specName}" : ${why}`);
    this.isFinal = isFinal;
  }
}
