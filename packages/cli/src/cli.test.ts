/** What a user meets who types something wrong, and what a program reads. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CliError } from './cli-error.ts';
import { parseConfigFile } from './config-file.ts';
import { addressAt, checkNetworks, overlaps } from './networks.ts';
import { resolveOptions } from './options.ts';
import { createReporter } from './reporter.ts';
import { nearest } from './suggest.ts';

const head = 'apiVersion: kapella.dev/v1alpha1\nkind: ClusterConfiguration\n';
const host = { hostName: 'Box', withNode: true };

function usage(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof CliError && error.family === 'Usage');
    return `${error.message} | ${error.fix}`;
  }
  return assert.fail('nothing was refused');
}

describe('configuration file', () => {
  test('gives options, and flags that are not in it keep their default', () => {
    const given = parseConfigFile(`${head}name: demo\napiPort: 7443\n`, 'k.yaml');
    const options = resolveOptions(given, host);
    assert.equal(options.dataDir, '/var/lib/kapella/demo');
    assert.equal(options.apiPort, 7443);
    assert.equal(options.nodeName, 'box');
  });

  test('names the place of an unknown field and the field that was meant', () => {
    const text = usage(() => parseConfigFile(`${head}name: demo\napiProt: 1\n`, 'k.yaml'));
    assert.equal(text, 'k.yaml:4:1: unknown field "apiProt" | Did you mean apiPort?');
    assert.match(
      usage(() => parseConfigFile(`${head}zzzzzz: 1\n`, 'k.yaml')),
      /Known fields: name, dataDir/,
    );
  });

  test('names the place of a bad value and of broken YAML', () => {
    assert.match(
      usage(() => parseConfigFile(`${head}apiPort: many\n`, 'k.yaml')),
      /^k.yaml:3:10: apiPort "many": must be a port/,
    );
    assert.match(
      usage(() => parseConfigFile(`${head}name: [a\n`, 'k.yaml')),
      /^k.yaml:\d+:\d+: /,
    );
    assert.match(
      usage(() => parseConfigFile('kind: X\n', 'k.yaml')),
      /apiVersion must be kapella.dev\/v1alpha1/,
    );
    assert.match(
      usage(() => parseConfigFile('- a\n', 'k.yaml')),
      /is no mapping/,
    );
  });
});

test('a bad flag says which, why and what to give', () => {
  assert.match(
    usage(() => resolveOptions({ apiPort: '99999' }, host)),
    /^--api-port "99999": must be a port number/,
  );
  assert.match(
    usage(() => resolveOptions({ podCidr: '10.0.0.0/8', serviceCidr: '10.43.0.0/16' }, host)),
    /overlap/,
  );
  assert.match(
    usage(() => resolveOptions({ name: 'UPPER' }, host)),
    /lower-case letters/,
  );
});

test('addresses of a network count from its base', () => {
  assert.equal(addressAt('10.43.0.0/16', 10), '10.43.0.10');
  assert.equal(addressAt('10.42.255.0/24', 256), '10.43.0.0');
});

test('networks of both families: which are taken, which meet', () => {
  const limits = { min: 48, max: 64 };
  for (const good of ['10.42.0.0/16', '10.42.0.0/16,fd42::/56']) assert.equal(checkNetworks(good, limits), undefined);
  const bad = [
    'fd42::/56',
    '10.0.0.0/8,10.1.0.0/16',
    '10.0.0.0/8,fd42::/40',
    '10.0.0.0/8,fd42::1/64',
    '300.0.0.0/8',
    'x',
  ];
  for (const text of [...bad, '10.0.0.0/8,fd42::/56,fd43::/56', '10.0.0.0/8,']) {
    assert.notEqual(checkNetworks(text, limits), undefined, text);
  }
  assert.equal(overlaps('10.0.0.0/8', '10.9.0.0/16'), true);
  assert.equal(overlaps('10.0.0.0/8,fd42::/56', '11.0.0.0/8,fd42:0:0:ff::/64'), true);
  assert.equal(overlaps('10.0.0.0/8,fd42::/56', '11.0.0.0/8,fd42:0:0:100::/64'), false);
  assert.match(
    usage(() => resolveOptions({ podCidr: '10.42.0.0/16,fd42::/56' }, host)),
    /one of them has no IPv6/,
  );
  assert.equal(resolveOptions({ podNetwork: 'vxlan' }, host).podNetwork, 'vxlan');
});

test('suggests near words only', () => {
  assert.equal(nearest('stauts', ['status', 'start']), 'status');
  assert.equal(nearest('xyzzy', ['status', 'start']), undefined);
});

test('reports one JSON object a step, or lines for a person', () => {
  const run = (json: boolean) => {
    let now = 0;
    let text = '';
    const reporter = createReporter({
      json,
      isTerminal: false,
      write: (t) => (text += t),
      monotonicMs: () => (now += 60),
    });
    reporter.step('api', 'API server').done('ready');
    reporter.step('node', 'node').failed('no disk');
    reporter.say('hello');
    reporter.result({ name: 'x' }, 'made x');
    return text;
  };
  assert.deepEqual(
    run(true)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
    [
      { step: 'api', status: 'done', durationMs: 60, detail: 'ready' },
      { step: 'node', status: 'failed', durationMs: 60, reason: 'no disk' },
      { result: { name: 'x' } },
    ],
  );
  assert.equal(run(false), '  ✔ API server: ready\n  ✘ node: no disk\nhello\nmade x\n');
});
