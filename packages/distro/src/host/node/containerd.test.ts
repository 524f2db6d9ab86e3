/** What containerd says of itself, in its versions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastErrors, parseContainerdVersion } from './containerd.ts';

test('versions of Debian and of upstream', () => {
  const debian = parseContainerdVersion(
    'containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3\n',
  );
  assert.deepEqual(debian, { major: 1, text: '1.6.20~ds1' });
  const upstream = parseContainerdVersion('containerd github.com/containerd/containerd/v2 v2.1.9 abcdef\n');
  assert.deepEqual(upstream, { major: 2, text: '2.1.9' });
  assert.equal(parseContainerdVersion('containerd github.com/containerd/containerd 0.9 x'), undefined);
  assert.equal(parseContainerdVersion(''), undefined);
});

test('of a log only the complaints, the last ones, without decoration', () => {
  const log = [
    'time="t" level=info msg="starting"',
    'time="t" level=error msg="one"',
    'time="t" level=error msg="say \\"two\\"" error=x',
    'containerd: failed to listen',
    '',
  ].join('\n');
  assert.equal(lastErrors(log), 'say \\"two\\"; containerd: failed to listen');
  assert.equal(lastErrors('level=info msg=fine'), '');
});
