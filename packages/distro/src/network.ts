/** Places in the cluster's networks that are agreed between server and nodes. */

/** DNS Service: the tenth address of the Service network, as kubeadm and k3s have it. */
export const DNS_ADDRESS_INDEX = 10;
