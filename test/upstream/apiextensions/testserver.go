// Package testing stands for apiextensions-apiserver's own package of this name: StartTestServer starts the
// kube-apiserver of KUBEBUILDER_ASSETS, Kapella's, beside the etcd that the tests read and write too.
package testing

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	extensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apiextensions-apiserver/pkg/cmd/server/options"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/client-go/kubernetes"
	restclient "k8s.io/client-go/rest"
)

type TearDownFunc func()

type TestServerInstanceOptions struct{}

type TestServer struct {
	ClientConfig    *restclient.Config
	ServerOpts      *options.CustomResourceDefinitionsServerOptions
	TearDownFn      TearDownFunc
	TmpDir          string
	CompletedConfig extensionsapiserver.CompletedConfig
}

type Logger interface {
	Errorf(format string, args ...interface{})
	Fatalf(format string, args ...interface{})
	Logf(format string, args ...interface{})
}

// Of no use to kube-apiserver: it asks no other server who somebody is.
var dropped = []string{"--authentication-", "--authorization-kubeconfig", "--kubeconfig"}

func NewDefaultTestServerOptions() *TestServerInstanceOptions { return &TestServerInstanceOptions{} }

func StartTestServer(t Logger, _ *TestServerInstanceOptions, flags []string, _ *storagebackend.Config) (TestServer, error) {
	result := TestServer{}
	directory, err := os.MkdirTemp("", "kapella-apiextensions")
	if err != nil {
		return result, err
	}
	result.TmpDir = directory
	if result.ServerOpts, result.CompletedConfig, err = optionsOf(directory, flags); err != nil {
		return result, fmt.Errorf("options for the tests' own view of the store: %w", err)
	}
	port, err := freePort()
	if err != nil {
		return result, err
	}
	server, err := start(directory, port, forwarded(flags))
	if err != nil {
		return result, err
	}
	exited := make(chan error, 1)
	go func() { exited <- server.Wait() }()
	result.TearDownFn = func() {
		server.Process.Signal(syscall.SIGKILL)
		<-exited
		os.RemoveAll(directory)
	}
	result.ClientConfig = &restclient.Config{
		Host:            fmt.Sprintf("https://127.0.0.1:%d", port),
		BearerToken:     "tests",
		TLSClientConfig: restclient.TLSClientConfig{Insecure: true},
		QPS:             -1,
	}
	client, err := kubernetes.NewForConfig(result.ClientConfig)
	if err != nil {
		return result, err
	}
	err = wait.PollUntilContextTimeout(context.Background(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		code := 0
		client.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&code)
		return code == 200, nil
	})
	if err != nil {
		log, _ := os.ReadFile(filepath.Join(directory, "log"))
		return result, fmt.Errorf("kube-apiserver is not ready: %s", log)
	}
	return result, nil
}

func StartTestServerOrDie(t Logger, o *TestServerInstanceOptions, flags []string, s *storagebackend.Config) *TestServer {
	result, err := StartTestServer(t, o, flags, s)
	if err != nil {
		t.Fatalf("failed to launch server: %v", err)
	}
	return &result
}

func forwarded(flags []string) []string {
	kept := []string{}
	for i := 0; i < len(flags); i++ {
		isDropped := false
		for _, prefix := range dropped {
			isDropped = isDropped || strings.HasPrefix(flags[i], prefix)
		}
		if !isDropped {
			kept = append(kept, flags[i])
			continue
		}
		if !strings.Contains(flags[i], "=") && i+1 < len(flags) && !strings.HasPrefix(flags[i+1], "--") {
			i++
		}
	}
	return kept
}

func start(directory string, port int, flags []string) (*exec.Cmd, error) {
	keyFile, tokenFile := filepath.Join(directory, "sa.key"), filepath.Join(directory, "tokens.csv")
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(tokenFile, []byte("tests,system:apiserver,1,\"system:masters\"\n"), 0o600); err != nil {
		return nil, err
	}
	args := append([]string{
		fmt.Sprintf("--secure-port=%d", port), "--bind-address=127.0.0.1", "--cert-dir=" + directory,
		"--service-account-issuer=https://tests", "--service-account-key-file=" + keyFile,
		"--service-account-signing-key-file=" + keyFile, "--token-auth-file=" + tokenFile, "--authorization-mode=RBAC",
	}, flags...)
	server := exec.Command(filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kube-apiserver"), args...)
	log, err := os.Create(filepath.Join(directory, "log"))
	if err != nil {
		return nil, err
	}
	server.Stdout, server.Stderr = log, log
	return server, server.Start()
}

// What tests ask for that look into the store themselves.
func optionsOf(directory string, flags []string) (*options.CustomResourceDefinitionsServerOptions, extensionsapiserver.CompletedConfig, error) {
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	o := options.NewCustomResourceDefinitionsServerOptions(os.Stdout, os.Stderr)
	o.AddFlags(set)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, extensionsapiserver.CompletedConfig{}, err
	}
	address := listener.Addr().(*net.TCPAddr)
	o.RecommendedOptions.SecureServing.Listener = listener
	o.RecommendedOptions.SecureServing.BindPort = address.Port
	o.RecommendedOptions.SecureServing.ExternalAddress = address.IP
	o.RecommendedOptions.SecureServing.ServerCert.CertDirectory = directory
	// Gates and versions are the server's business.
	own := []string{}
	for _, flag := range flags {
		if !strings.HasPrefix(flag, "--feature-gates") && !strings.HasPrefix(flag, "--emulated-version") {
			own = append(own, flag)
		}
	}
	if err := set.Parse(own); err != nil {
		return nil, extensionsapiserver.CompletedConfig{}, err
	}
	if err := o.Complete(); err != nil {
		return nil, extensionsapiserver.CompletedConfig{}, err
	}
	config, err := o.Config()
	listener.Close()
	if err != nil {
		return nil, extensionsapiserver.CompletedConfig{}, err
	}
	return o, config.Complete(), nil
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
