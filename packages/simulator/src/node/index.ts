/** @kapella/simulator/node: the host's part of it. */
export { type Replay, replay, simCommand } from './sim-command.ts';
export { hostTurn } from './turn.ts';
