/** The program `kapella`. */
import { main } from './commands/node/main.ts';

await main();
