/** Where the runtime of one cluster keeps its files. Two clusters share no path, so either can be removed whole. */

export interface RuntimePaths {
  /** Survives `down`: images and snapshots. */
  readonly rootDir: string;
  /** Everything that a reboot or `reset` may drop: task state, network namespaces, sockets. */
  readonly runDir: string;
  readonly stateDir: string;
  /** runc's own state; kept out of the machine-wide default so that clusters cannot meet there. */
  readonly runcDir: string;
  readonly socket: string;
  readonly ttrpcSocket: string;
  readonly pidFile: string;
  readonly logFile: string;
  readonly configFile: string;
  /** `<registry host>/hosts.toml` files: mirrors and certificate authorities, read at each pull. */
  readonly certsDir: string;
  readonly optDir: string;
  readonly cniBinDir: string;
  readonly cniConfDir: string;
  /** Tars of the images that Kapella builds itself. */
  readonly imagesDir: string;
}

/** `dataDir` absolute; `name` is the cluster's, a DNS label. */
export function runtimePaths(name: string, dataDir: string): RuntimePaths {
  const runDir = `/run/kapella/${name}`;
  return {
    rootDir: `${dataDir}/containerd`,
    runDir,
    stateDir: `${runDir}/containerd`,
    runcDir: `${runDir}/runc`,
    socket: `${runDir}/containerd.sock`,
    ttrpcSocket: `${runDir}/containerd.sock.ttrpc`,
    pidFile: `${runDir}/containerd.pid`,
    logFile: `${dataDir}/logs/containerd.log`,
    configFile: `${dataDir}/etc/containerd.toml`,
    certsDir: `${dataDir}/etc/certs.d`,
    optDir: `${dataDir}/opt`,
    cniBinDir: `${dataDir}/cni/bin`,
    cniConfDir: `${dataDir}/cni/net.d`,
    imagesDir: `${dataDir}/images`,
  };
}
