/** @kapella/cli: the frame of the command line: options, configuration file, progress, errors. Commands are in distro. */
export * from './cli-error.ts';
export * from './command.ts';
export * from './component-options.ts';
export * from './help.ts';
export * from './networks.ts';
export * from './options.ts';
export * from './store-options.ts';
export * from './auth-options.ts';
export * from './parse-command-line.ts';
export * from './reporter.ts';
export * from './suggest.ts';
