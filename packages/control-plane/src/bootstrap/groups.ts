/** Groups that certificates of the cluster carry beyond upstream's. */

/** Group of the identities that serve the Services and volumes of all nodes; a ClusterRole of its own says what it may do. */
export const NODE_NETWORK_GROUP = 'kapella:node-network';
