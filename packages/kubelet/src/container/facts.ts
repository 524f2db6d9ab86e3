/** What a Pod's containers are told about where they run. */
export interface PodFacts {
  /** Of the node, the primary one first. */
  readonly hostIps: readonly string[];
  /** Empty until the sandbox has one; the node's with host network. */
  readonly podIps: readonly string[];
}
