/** The table of CNI backends. */
import type { CniBackend } from '../backend.ts';
import { ptpBackend } from './ptp/ptp.backend.ts';

export const cniBackends: Readonly<Record<'ptp', CniBackend>> = { ptp: ptpBackend };
export type CniBackendName = keyof typeof cniBackends;
