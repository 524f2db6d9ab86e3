/** The claims or what is offered are wrong in a way that waiting does not mend. The message is upstream's. */
export class AllocationProblem extends Error {
  override readonly name = 'AllocationProblem';
}
