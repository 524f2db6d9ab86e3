/** @kapella/scheduler/node: what of the scheduler needs sockets and files. */
export { createExtenderTransport } from './extender-transport.ts';
