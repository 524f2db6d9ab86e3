/** The configuration in both file versions; what each line is for is proven on a real containerd in test/. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerdConfig, hostsToml, PAUSE_IMAGE, tomlString } from './containerd-config.ts';
import { runtimePaths } from './paths.ts';

const base = {
  paths: runtimePaths('a', '/data/a'),
  canLowerOomScore: false,
  hasAppArmor: false,
  cgroupDriver: 'cgroupfs',
  snapshotter: 'overlayfs',
} as const;

/** The value of `key` in [table]; undefined when absent. */
function readValue(toml: string, table: string, key: string): string | undefined {
  let current = '';
  for (const line of toml.split('\n')) {
    const header = /^\[(.+)\]$/.exec(line)?.[1];
    if (header !== undefined) current = header;
    const [name, value] = line.split(/ = (.*)/s);
    if (current === table && name === key) return value;
  }
  return undefined;
}

test('file version 2 for containerd 1, version 3 for containerd 2', () => {
  const one = containerdConfig({ ...base, major: 1 });
  const two = containerdConfig({ ...base, major: 2 });
  assert.equal(readValue(one, '', 'version'), '2');
  assert.equal(readValue(two, '', 'version'), '3');
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  assert.equal(readValue(one, cri, 'sandbox_image'), JSON.stringify(PAUSE_IMAGE));
  assert.equal(
    readValue(two, 'plugins."io.containerd.cri.v1.images".pinned_images', 'sandbox'),
    JSON.stringify(PAUSE_IMAGE),
  );
  assert.equal(readValue(one, `${cri}.cni`, 'bin_dir'), '"/data/a/cni/bin"');
  assert.equal(readValue(two, 'plugins."io.containerd.cri.v1.runtime".cni', 'bin_dirs'), '["/data/a/cni/bin"]');
});

test('no process may be given a lower oom score without the capability', () => {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const without = containerdConfig({ ...base, major: 1 });
  assert.equal(readValue(without, cri, 'restrict_oom_score_adj'), 'true');
  assert.equal(readValue(without, '', 'oom_score'), '0');
  const withIt = containerdConfig({ ...base, major: 1, canLowerOomScore: true });
  assert.equal(readValue(withIt, cri, 'restrict_oom_score_adj'), 'false');
  assert.equal(readValue(withIt, '', 'oom_score'), '-999');
});

test('every path is below the two directories of the cluster', () => {
  for (const major of [1, 2] as const) {
    const paths = containerdConfig({ ...base, major }).match(/"\/[^"]*"/g) ?? [];
    assert.ok(paths.length >= 8);
    for (const path of paths) assert.match(path, /^"(\/data\/a|\/run\/kapella\/a)\//);
  }
});

test('a mirror becomes a hosts.toml', () => {
  const text = hostsToml({ host: 'docker.io', endpoints: ['http://127.0.0.1:5000'], skipVerify: true });
  assert.equal(text, '[host."http://127.0.0.1:5000"]\ncapabilities = ["pull", "resolve"]\nskip_verify = true\n');
});

test('strings cannot leave their quotes', () => {
  assert.equal(tomlString('a"b\\c\n\u007f'), '"a\\"b\\\\c\\n\\u007f"');
});
