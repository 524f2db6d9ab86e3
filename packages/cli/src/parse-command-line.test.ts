/** What was typed, understood or refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CliError } from './cli-error.ts';
import type { CommandSpec, FlagSpec } from './command.ts';
import { commandHelp, programHelp } from './help.ts';
import { parseCommandLine } from './parse-command-line.ts';

const common: FlagSpec[] = [
  {
    flag: '--output',
    short: '-o',
    value: 'FORMAT',
    help: 'how',
    check: (v) => (v === 'json' ? undefined : 'must be json'),
  },
];
const commands: CommandSpec[] = [
  {
    name: 'start',
    summary: 'Start it',
    examples: [{ line: 'x start', what: 'starts' }],
    flags: [
      { flag: '--yes', short: '-y', help: 'do not ask' },
      { flag: '--port', value: 'PORT', help: 'the port' },
    ],
  },
  { name: 'image', summary: 'Images', examples: [], flags: [], args: { min: 1, max: 2, first: ['load', 'ls'] } },
  { name: 'kubectl', summary: 'Another program', examples: [], flags: [], passThrough: true },
];
const parse = (...words: string[]) => parseCommandLine(words, commands, common);

function refusal(...words: string[]): string {
  try {
    parse(...words);
  } catch (error) {
    assert.ok(error instanceof CliError && error.family === 'Usage');
    return `${error.message} | ${error.fix}`;
  }
  return assert.fail('nothing was refused');
}

test('flags stand before or after the command, with = or without', () => {
  const line = parse('-o', 'json', 'start', '--port=80', '-y');
  assert.equal(line.command?.name, 'start');
  assert.deepEqual(
    [...line.flags],
    [
      ['--output', 'json'],
      ['--port', '80'],
      ['--yes', 'true'],
    ],
  );
});

test('unknown words name the one that was meant', () => {
  assert.equal(refusal('strat'), 'unknown command "strat" | Did you mean `kapella start`?');
  assert.equal(refusal('start', '--prot', '1'), 'unknown flag --prot for start | Did you mean --port?');
  assert.equal(
    refusal('start', '--zzzzzzz'),
    'unknown flag --zzzzzzz for start | `kapella start --help` lists the flags.',
  );
  assert.equal(refusal('image', 'laod'), 'image: unknown "laod" | Did you mean load?');
});

test('values are wanted, checked, and refused where there are none', () => {
  assert.match(refusal('start', '--port'), /^--port needs a value \| Write --port PORT: the port\./);
  assert.match(refusal('start', '--yes=no'), /^--yes takes no value/);
  assert.match(refusal('start', '-o', 'xml'), /^--output "xml": must be json/);
});

test('arguments are counted', () => {
  assert.match(refusal('image'), /^image needs more/);
  assert.match(refusal('image', 'load', 'a', 'b'), /^image takes no further argument: "b"/);
  assert.match(refusal('start', 'x'), /^start takes no argument: "x"/);
  assert.deepEqual(parse('image', 'load', '--', '-a').args, ['load', '-a']);
});

test('what belongs to another program is not looked at', () => {
  assert.deepEqual(parse('kubectl', 'get', '--help', '-o', 'yaml').args, ['get', '--help', '-o', 'yaml']);
  assert.equal(parse('kubectl', '--help').wantsHelp, false);
});

test('help is asked for in each usual way', () => {
  assert.equal(parse('--help').wantsHelp, true);
  assert.equal(parse('help', 'start').command?.name, 'start');
  assert.equal(parse('start', '-h').wantsHelp, true);
  assert.equal(parse('image', '--help').wantsHelp, true);
  assert.equal(parse().command, undefined);
});

test('help begins with examples', () => {
  const program = programHelp({ summary: 'Sum', examples: [{ line: 'x', what: 'y' }], commands, common });
  assert.ok(program.indexOf('Examples:') < program.indexOf('Commands:'));
  assert.match(program, /^ {2}start +Start it$/m);
  assert.match(commandHelp(commands[0] as CommandSpec, common), /^ {2}-y, --yes +do not ask$/m);
});
