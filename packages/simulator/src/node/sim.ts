/** The program behind `npm run sim`. */
import { simCommand } from './sim-command.ts';

process.exitCode = await simCommand(process.argv.slice(2), (text) => process.stdout.write(text));
