/** @kapella/simulator/node: the host's part of it. */
export { hostTurn } from './turn.ts';
