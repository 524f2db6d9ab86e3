/** The same through kubectl: what a user reads, and the exit code a script sees. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Session } from '../../support/session.ts';

interface WrongManifest {
  readonly title: string;
  readonly args: string;
  readonly input?: string;
  readonly says: RegExp;
}

const MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

const MANIFESTS: readonly WrongManifest[] = [
  {
    title: 'every error of a Deployment, one a line',
    args: 'apply -f -',
    input: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: -1
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: b}}
    spec: {containers: [{name: X, image: busybox}]}
`,
    says: /^The Deployment "web" is invalid: \n(\* .*\n?){3}$/,
  },
  {
    title: 'an unknown field',
    args: 'create -f -',
    input: `${MAP}dada: {}\n`,
    says: /strict decoding error: unknown field "dada"/,
  },
  {
    title: 'an unknown kind',
    args: 'apply -f -',
    input: 'apiVersion: v1\nkind: Nope\nmetadata: {name: a}\n',
    says: /no matches for kind "Nope" in version "v1"\nensure CRDs are installed first/,
  },
  {
    title: 'a version that is not served',
    args: 'apply -f -',
    input: 'apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: a}\n',
    says: /no matches for kind "Deployment" in version "apps\/v1beta1"/,
  },
  {
    title: 'broken YAML, with its line',
    args: 'apply -f -',
    input: 'apiVersion: v1\nkind: ConfigMap\n  metadata:\n    name: a\n',
    says: /error parsing STDIN: error converting YAML to JSON: yaml: line \d+: /,
  },
  {
    title: 'no kind',
    args: 'apply -f -',
    input: 'metadata: {name: a}\n',
    says: /Object 'Kind' is missing|apiVersion not set, kind not set/,
  },
  {
    title: 'a resource type that is not there',
    args: 'get nopes',
    says: /the server doesn't have a resource type "nopes"/,
  },
  {
    title: 'an object that is not there',
    args: 'get pod nope',
    says: /Error from server \(NotFound\): pods "nope" not found/,
  },
  {
    title: 'a namespace that is not there',
    args: 'create configmap a -n nowhere',
    says: /namespaces "nowhere" not found/,
  },
  {
    title: 'a body that is too large',
    args: 'create -f -',
    input: `${MAP}data: {a: ${'x'.repeat(3_300_000)}}\n`,
    says: /\(RequestEntityTooLarge\)|[Rr]equest entity too large/,
  },
  {
    title: 'what RBAC forbids',
    args: 'get secrets --as=somebody',
    says: /\(Forbidden\): secrets is forbidden: User "somebody" cannot list resource "secrets" in API group "" in the namespace/,
  },
  { title: 'a container that is not there', args: 'logs nope', says: /pods "nope" not found/ },
  {
    title: 'an invalid name',
    args: 'create configmap Bad_Name',
    says: /ConfigMap "Bad_Name" is invalid: metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain/,
  },
  { title: 'scaling to less than nothing', args: 'scale deployment/nope --replicas=-1', says: /replicas|not found/ },
];

export function kubectlTests(session: () => Session): void {
  describe('kubectl shows', () => {
    for (const { title, args, input, says } of MANIFESTS) {
      test(title, async () => {
        const result = await session().try(args, input === undefined ? {} : { input });
        assert.equal(result.code, 1, result.stdout);
        assert.match(result.stderr, says);
        assert.doesNotMatch(result.stderr, /panic|stack|\bat .*\.ts:/);
      });
    }

    test('a warning for an unknown field when asked to, and stores the rest', async () => {
      const result = await session().try('create --validate=warn -f -', {
        input: `${MAP.replace('{name: a}', '{name: warned}')}dada: {}\n`,
      });
      assert.equal(result.code, 0, result.stderr);
      assert.match(result.stderr, /Warning: unknown field "dada"/);
    });

    test('of several objects the good ones are stored, the bad ones named', async () => {
      const bad = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: BAD}\n';
      const good = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n';
      const result = await session().try('apply -f -', { input: `${bad}---\n${good}` });
      assert.equal(result.code, 1);
      assert.match(result.stdout, /configmap\/good created/);
      assert.match(result.stderr, /The ConfigMap "BAD" is invalid/);
    });
  });
}
