/** Routed veth pairs without a bridge, by the plugins ptp and host-local. Source: containernetworking, ADR 0010. */
import { type CniBackend, networkName } from '../../backend.ts';
import { gatewayOf } from '../../cidr.ts';

export const ptpBackend: CniBackend = {
  name: 'ptp',
  plugins: ['ptp', 'host-local', 'loopback'],
  fileName: (network) => `10-${networkName(network.clusterName)}.conflist`,
  configList(network) {
    const list = {
      cniVersion: '1.0.0',
      name: networkName(network.clusterName),
      plugins: [
        {
          type: 'ptp',
          ipMasq: false, // one rule for all Pods instead of some for each: planMasquerade
          mtu: network.mtuBytes,
          ipam: {
            type: 'host-local',
            dataDir: network.ipamDir,
            ranges: network.podCIDRs.map((subnet) => [{ subnet, gateway: gatewayOf(subnet) }]),
            routes: network.podCIDRs.map((cidr) => ({ dst: cidr.includes(':') ? '::/0' : '0.0.0.0/0' })),
          },
        },
      ],
    };
    return `${JSON.stringify(list, null, 2)}\n`;
  },
};
