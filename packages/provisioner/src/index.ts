/** @kapella/provisioner: serves claims with volumes of one node, whatever makes them. */
export { createAlarm } from './alarm.ts';
export * from './backend.ts';
export { type ProvisionerOptions, runProvisioner } from './run-provisioner.ts';
