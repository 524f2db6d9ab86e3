/** Every command as its user sees it: name, flags, help. What each does is in node/. */
import { type CommandSpec, type Example, type FlagSpec, OPTION_SPECS, type OptionSpec } from '@kapella/cli';

const CONFIG: FlagSpec = {
  flag: '--config',
  value: 'FILE',
  help: 'read options from a ClusterConfiguration; flags win',
};

const clusterFlags = (...fields: readonly OptionSpec['field'][]): readonly FlagSpec[] => [
  ...OPTION_SPECS.filter(({ field }) => fields.includes(field)),
  CONFIG,
];
const ALL_OPTIONS = clusterFlags(...OPTION_SPECS.map(({ field }) => field));
/** Enough to find a cluster. */
const FIND_OPTIONS = clusterFlags('name', 'dataDir');

/** May also stand before the name of the command: `kapella --name demo kubectl get pods`. */
export const COMMON_FLAGS: readonly FlagSpec[] = [
  {
    flag: '--output',
    short: '-o',
    value: 'FORMAT',
    help: 'text, or json: one JSON object a step',
    check: (value) => (value === 'text' || value === 'json' ? undefined : 'must be text or json'),
  },
  { flag: '--help', short: '-h', help: 'show help' },
];
export const BEFORE_COMMAND_FLAGS: readonly FlagSpec[] = [
  ...COMMON_FLAGS,
  ...OPTION_SPECS.filter(({ field }) => field === 'name' || field === 'dataDir'),
];

const LOG_LEVEL: FlagSpec = {
  flag: '--log-level',
  value: 'LEVEL',
  help: 'least level that is logged: debug, info, warn or error (default: info)',
  check: (value) =>
    ['debug', 'info', 'warn', 'error'].includes(value) ? undefined : 'must be debug, info, warn or error',
};
const SUPERVISE: FlagSpec = {
  flag: '--supervise',
  help: 'start the other processes of this cluster again when they are killed, as `up` has it',
};
const MEMBER: FlagSpec = {
  flag: '--member',
  value: 'N',
  help: 'which of the --nodes on this machine, in its network namespace, as `up` has it (default: 1, the machine)',
  check: (value) => (/^([1-9]|1[0-6])$/.test(value) ? undefined : 'must be a number from 1 to 16'),
};
const MERGE: FlagSpec = {
  flag: '--merge-kubeconfig',
  help: 'add the context to your kubeconfig ($KUBECONFIG, else ~/.kube/config)',
};
const HOLLOW_NODES: FlagSpec = {
  flag: '--hollow-nodes',
  value: 'N',
  help: 'nodes beside the real one that run the Pod lifecycle but no containers: for tests at scale',
  check: (value) => (/^\d{1,5}$/.test(value) ? undefined : 'must be a number'),
};
const JOIN_FLAGS: readonly FlagSpec[] = [
  {
    flag: '--server',
    value: 'URL',
    help: 'of the API server to join, as https://10.0.0.1:6443',
    check: (value) => (/^https:\/\/[^/]+$/.test(value) ? undefined : 'must be of the form https://HOST:PORT'),
  },
  { flag: '--token', value: 'TOKEN', help: 'what `kapella token create` said; only needed the first time' },
  {
    flag: '--ca-cert-hash',
    value: 'HASH',
    help: "sha256:… of the key of the server's CA",
    check: (value) => (/^sha256:[0-9a-f]{64}$/.test(value) ? undefined : 'must be sha256: and 64 hexadecimal digits'),
  },
  { flag: '--skip-ca-verification', help: 'join without --ca-cert-hash: the token alone vouches for the server' },
];
const YES: FlagSpec = { flag: '--yes', short: '-y', help: 'do not ask' };

export const PROGRAM_SUMMARY = 'Kapella: a Kubernetes 1.36 cluster on this machine by one command.';
export const PROGRAM_EXAMPLES: readonly Example[] = [
  { line: 'sudo kapella up', what: 'set up what is missing, start a cluster of one node, wait until it is Ready' },
  { line: 'sudo kapella kubectl get nodes', what: "kubectl with this cluster's credentials" },
  { line: 'sudo kapella status', what: 'what runs, where' },
  { line: 'sudo kapella down', what: 'stop it and its containers, keep its data; `up` brings it back' },
  { line: 'sudo kapella reset --yes', what: 'remove every trace of it' },
];

const UP: CommandSpec = {
  name: 'up',
  summary: 'Start a cluster of one node, and install what it needs',
  usage: '[FLAGS]',
  examples: [
    { line: 'sudo kapella up', what: 'asks before it installs anything' },
    { line: 'sudo kapella up --yes --merge-kubeconfig', what: 'does not ask; kubectl then knows the context kapella' },
    { line: 'sudo kapella up --name demo --api-port 7443', what: 'a second cluster beside the first' },
    { line: 'sudo kapella up --nodes 3', what: 'three nodes on this machine' },
    { line: 'sudo kapella up --config cluster.yaml', what: 'options from a file' },
  ],
  description:
    'Checks the machine, installs missing Debian packages, starts containerd, the server and the node agent in the\n' +
    'background, and returns when the node is Ready. Run again, it starts only what does not run. The options of the first\n' +
    'time are kept: later the name is enough.',
  flags: [
    ...ALL_OPTIONS,
    YES,
    MERGE,
    HOLLOW_NODES,
    { flag: '--no-wait', help: 'return once the processes are started' },
  ],
};

const HOLLOW: CommandSpec = {
  name: 'hollow',
  summary: 'Change how many hollow nodes a cluster has: they run the Pod lifecycle but no containers',
  usage: 'scale N [FLAGS]',
  examples: [
    { line: 'sudo kapella hollow scale 1000', what: 'hollow-0 to hollow-999, Ready in seconds' },
    { line: 'sudo kapella hollow scale 10 --stages stages.yaml', what: 'with behaviours as Stages of kwok' },
    { line: 'sudo kapella hollow scale 0', what: 'none' },
  ],
  flags: [
    ...FIND_OPTIONS,
    { flag: '--stages', value: 'FILE', help: 'Stages (kwok.x-k8s.io/v1alpha1) for Pods and Nodes' },
  ],
  args: { min: 2, max: 2, first: ['scale'] },
};

const DOWN: CommandSpec = {
  name: 'down',
  summary: 'Stop a cluster and its containers; its data stays',
  usage: '[FLAGS]',
  examples: [
    { line: 'sudo kapella down', what: 'stop; `kapella up` brings everything back' },
    { line: 'sudo kapella down --name demo --grace 30', what: 'give its containers 30 seconds to end' },
  ],
  flags: [...FIND_OPTIONS, graceFlag()],
};

function graceFlag(): FlagSpec {
  return {
    flag: '--grace',
    value: 'SECONDS',
    help: 'how long containers may take to end before they are killed (default: 10)',
    check: (value) => (/^\d{1,4}$/.test(value) ? undefined : 'must be a number of seconds'),
  };
}

const RESET: CommandSpec = {
  name: 'reset',
  summary: 'Remove every trace of a cluster: containers, mounts, interfaces, rules, cgroups, files',
  usage: '--yes [FLAGS]',
  examples: [
    { line: 'sudo kapella reset --yes', what: 'the cluster kapella and all of its data' },
    { line: 'sudo kapella reset --name demo --yes', what: 'another one' },
  ],
  description: 'Installed packages stay, and so do hostPath volumes and files that were in the data directory before.',
  flags: [...FIND_OPTIONS, { ...YES, help: 'yes, remove it; asked for on a terminal when absent' }],
};

const STATUS: CommandSpec = {
  name: 'status',
  summary: 'Show processes, versions, nodes, Pods and addresses',
  usage: '[FLAGS]',
  examples: [
    { line: 'sudo kapella status', what: 'the cluster kapella' },
    { line: 'sudo kapella status --output json', what: 'for a program' },
  ],
  description: 'Exit code 0 when everything runs, 1 when something does not.',
  flags: FIND_OPTIONS,
};

const LOGS: CommandSpec = {
  name: 'logs',
  summary: 'Show what server, node agent and containerd log',
  usage: '[server|node|containerd] [FLAGS]',
  examples: [
    { line: 'sudo kapella logs', what: 'the last lines of all three' },
    { line: 'sudo kapella logs server -f', what: 'the server, and what comes' },
    { line: 'sudo kapella logs node -n 500', what: 'the last 500 lines of the node agent' },
  ],
  flags: [
    ...FIND_OPTIONS,
    { flag: '--follow', short: '-f', help: 'go on as lines come' },
    {
      flag: '--lines',
      short: '-n',
      value: 'N',
      help: 'how many of the last lines (default: 50)',
      check: (value) => (/^\d{1,7}$/.test(value) ? undefined : 'must be a number'),
    },
  ],
  args: { min: 0, max: 1, first: ['server', 'node', 'containerd'] },
};

const KUBECONFIG: CommandSpec = {
  name: 'kubeconfig',
  summary: "Print the administrator's kubeconfig, or merge it into yours",
  usage: '[FLAGS]',
  examples: [
    { line: 'sudo kapella kubeconfig > admin.yaml', what: 'a file of its own' },
    { line: 'sudo kapella kubeconfig --merge', what: 'a context in $KUBECONFIG or ~/.kube/config' },
  ],
  flags: [...FIND_OPTIONS, { ...MERGE, flag: '--merge' }],
};

const DOCTOR: CommandSpec = {
  name: 'doctor',
  summary: 'Check whether this machine can run a node; each failure with the command that fixes it',
  usage: '[FLAGS]',
  examples: [
    { line: 'sudo kapella doctor', what: 'root sees more: some kernel features can only be tried by it' },
    { line: 'kapella doctor --output json', what: 'for a program' },
  ],
  description: 'Exit code 3 when something is missing without which a cluster does not start.',
  flags: clusterFlags('name', 'dataDir', 'apiPort', 'bindAddress'),
};

const IMAGE: CommandSpec = {
  name: 'image',
  summary: 'Load images into the cluster without a registry',
  usage: 'load TAR... | ls | build-demo',
  examples: [
    { line: 'sudo kapella image load app.tar', what: 'an OCI or `docker save` archive' },
    { line: 'sudo kapella image ls', what: 'what the node has' },
    { line: 'sudo kapella image build-demo', what: 'build and load the images of examples/guestbook' },
  ],
  description:
    'Pods use a loaded image without pulling when its tag is not :latest, or imagePullPolicy is IfNotPresent or Never.',
  flags: FIND_OPTIONS,
  args: { min: 1, max: 1000, first: ['load', 'ls', 'build-demo'] },
};

const SERVER: CommandSpec = {
  name: 'server',
  summary: 'Run the control plane alone, in the foreground',
  usage: '[FLAGS]',
  examples: [
    { line: 'kapella server --data-dir ./data --api-port 6443', what: 'no root needed; ends on Ctrl-C or SIGTERM' },
    { line: 'KUBECONFIG=./data/admin.kubeconfig kubectl get ns', what: 'in another terminal' },
  ],
  description:
    'Writes DIR/admin.kubeconfig (cluster-admin) and prints one line when the API answers. Logs go to stderr.',
  flags: [...ALL_OPTIONS, LOG_LEVEL, SUPERVISE, HOLLOW_NODES],
};

const NODE: CommandSpec = {
  name: 'node',
  summary: 'Run the node agent, in the foreground',
  usage: '[FLAGS]',
  examples: [
    { line: 'sudo kapella node --name demo --log-level debug', what: "beside that cluster's server" },
    {
      line: 'sudo kapella node join --server https://10.0.0.1:6443 --token TOKEN --ca-cert-hash HASH',
      what: 'this machine becomes a node of a server elsewhere; `kapella token create` there says TOKEN and HASH',
    },
  ],
  description:
    "Alone it needs root, the cluster's containerd, and its server on this machine. With join it needs root, sets the\n" +
    'machine up, starts containerd, gets its certificates for the token, and keeps them: later the server is enough.\n' +
    'Containers go on when it ends.',
  flags: [...ALL_OPTIONS, LOG_LEVEL, SUPERVISE, MEMBER, YES, ...JOIN_FLAGS],
  args: { min: 0, max: 1, first: ['join'] },
};

const TOKEN: CommandSpec = {
  name: 'token',
  summary: 'Make, list or delete the tokens by which other machines become nodes',
  usage: 'create|list|delete [ID] [FLAGS]',
  examples: [
    { line: 'sudo kapella token create', what: 'the command to run on the other machine; good for a day' },
    { line: 'sudo kapella token create --ttl 1h', what: 'good for an hour; 0 = until it is deleted' },
    { line: 'sudo kapella token delete abcdef', what: 'nobody joins by it any more; nodes that did stay' },
  ],
  flags: [
    ...FIND_OPTIONS,
    { flag: '--ttl', value: 'DURATION', help: 'how long a new token is good for (default: 24h)' },
    { flag: '--description', value: 'TEXT', help: 'what a new token is for' },
  ],
  args: { min: 1, max: 2, first: ['create', 'list', 'delete'] },
};

const SNAPSHOT: CommandSpec = {
  name: 'snapshot',
  summary: 'Save all objects of a cluster to one file, check such a file, or put it back',
  usage: 'save|restore|status FILE [FLAGS]',
  examples: [
    { line: 'sudo kapella snapshot save before-upgrade.snapshot', what: 'while the cluster runs' },
    { line: 'kapella snapshot status before-upgrade.snapshot', what: 'what is in it, and whether it is whole' },
    { line: 'sudo kapella snapshot restore before-upgrade.snapshot', what: 'after `kapella down`' },
    { line: 'kapella snapshot save etcd.snapshot --store etcd --etcd-endpoints URLS', what: 'of an etcd cluster' },
  ],
  description:
    'A file that is truncated, damaged or foreign is refused before anything changes. Restoring into the embedded store\n' +
    'keeps what was there beside it; revisions go on upwards. Certificates and keys under DIR/pki are not in the file.',
  flags: ALL_OPTIONS,
  args: { min: 2, max: 2, first: ['save', 'restore', 'status'] },
};

const KUBECTL: CommandSpec = {
  name: 'kubectl',
  summary: "Run the system's kubectl with this cluster's credentials",
  usage: 'ARGS...',
  examples: [
    { line: 'sudo kapella kubectl get pods -A', what: 'everything after kubectl is its own' },
    { line: 'sudo kapella --name demo kubectl get nodes', what: 'another cluster: its name stands before' },
  ],
  flags: [],
  passThrough: true,
};

const EXPLAIN: CommandSpec = {
  name: 'explain',
  summary: 'Say why an object is not as it should be, and what would change it',
  usage: 'RESOURCE NAME [FIELD] [FLAGS]',
  examples: [
    { line: 'kapella explain pod web-7d4b9', what: 'on no node, or not ready: why, and which change would help' },
    { line: 'kapella explain service web -n shop', what: 'why it has no endpoints' },
    { line: 'kapella explain pvc data', what: 'why it is not bound' },
    { line: 'kapella explain namespace old', what: 'why it does not go: finalizers and who removes them' },
    { line: 'kapella explain deployment web spec.replicas', what: 'who last changed the field' },
  ],
  description:
    'Reads through the API with your kubeconfig (--kubeconfig, $KUBECONFIG, the cluster of this machine, ~/.kube/config), and\n' +
    'writes nothing. For a Pod on no node every filter of the scheduler is asked for every node, and changes are tried on a copy.',
  args: { min: 1, max: 3 },
  flags: [
    { flag: '--namespace', short: '-n', value: 'NAMESPACE', help: "namespace (default: the context's)" },
    { flag: '--kubeconfig', value: 'FILE', help: 'which cluster, as who' },
    { flag: '--context', value: 'NAME', help: 'context of the kubeconfig (default: its current one)' },
    { flag: '--all', help: 'all rows of long tables' },
    ...FIND_OPTIONS,
  ],
};

const ENVTEST: CommandSpec = {
  name: 'envtest',
  summary: "Lay out a folder for KUBEBUILDER_ASSETS: Go operators' envtest suites then run on Kapella",
  usage: '[FLAGS]',
  examples: [
    { line: 'export KUBEBUILDER_ASSETS="$(kapella envtest --print-path)"', what: 'then `go test ./...`, unchanged' },
    { line: 'kapella envtest --dir ./bin/envtest', what: 'in a folder of your own' },
  ],
  description:
    'Writes executables named kube-apiserver and etcd that take the flags of upstream, and links kubectl. Each control\n' +
    'plane that a test starts is a process of its own with its data under the data directory of its etcd.',
  flags: [
    { flag: '--dir', value: 'DIR', help: 'where (default: ~/.cache/kapella/envtest/VERSION)' },
    { flag: '--print-path', help: 'print nothing but the folder' },
  ],
};

const KUBE_APISERVER: CommandSpec = {
  name: 'kube-apiserver',
  summary: 'An API server alone, by the flags of kube-apiserver 1.36',
  usage: 'FLAGS...',
  examples: [{ line: 'kapella kube-apiserver --help', what: 'which flags are honoured' }],
  flags: [],
  passThrough: true,
};

const KUBE_SCHEDULER: CommandSpec = {
  name: 'kube-scheduler',
  summary: 'A scheduler alone, by the flags of kube-scheduler 1.36, for any API server',
  usage: 'FLAGS...',
  examples: [
    {
      line: 'kapella kube-scheduler --config scheduler.yaml --kubeconfig scheduler.conf',
      what: 'profiles, plugins and extenders from a KubeSchedulerConfiguration',
    },
    { line: 'kapella kube-scheduler --help', what: 'which flags are honoured' },
  ],
  flags: [],
  passThrough: true,
};

const KUBE_CONTROLLER_MANAGER: CommandSpec = {
  name: 'kube-controller-manager',
  summary: 'The controllers alone, by the flags of kube-controller-manager 1.36, for any API server',
  usage: 'FLAGS...',
  examples: [
    {
      line: 'kapella kube-controller-manager --kubeconfig controller-manager.conf --use-service-account-credentials',
      what: 'as kubeadm starts it',
    },
    { line: 'kapella kube-controller-manager --help', what: 'which flags are honoured' },
  ],
  flags: [],
  passThrough: true,
};

const ETCD: CommandSpec = {
  name: 'etcd',
  summary: 'What stands for etcd beside kube-apiserver, by the flags of etcd',
  usage: 'FLAGS...',
  examples: [
    { line: 'kapella etcd --data-dir ./etcd --listen-client-urls http://127.0.0.1:2379', what: 'as envtest starts it' },
  ],
  flags: [],
  passThrough: true,
};

const VERSION: CommandSpec = {
  name: 'version',
  summary: 'Show versions',
  usage: '',
  examples: [{ line: 'kapella version', what: 'of Kapella, Kubernetes, Node, containerd and kubectl' }],
  flags: [],
};

export const COMMANDS: readonly CommandSpec[] = [
  ...[UP, DOWN, RESET, STATUS, LOGS, KUBECONFIG, KUBECTL, IMAGE, SNAPSHOT, DOCTOR, SERVER, NODE, TOKEN],
  ...[EXPLAIN, HOLLOW, ENVTEST, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, KUBE_SCHEDULER, ETCD, VERSION],
];
