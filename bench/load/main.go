// Command load is the client side of bench/api-server: raw HTTP/2 and client-go load on a Kubernetes API server.
// It prints one line of JSON. It runs against loopback only, a bounded number of requests, and then ends.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"
)

// target is the server under load and how to be let in.
type target struct {
	server, token, caFile string
}

// result is what one run measured.
type result struct {
	Operations int     `json:"operations"`
	Failed     int     `json:"failed"`
	Seconds    float64 `json:"seconds"`
	PerSecond  float64 `json:"perSecond"`
	P50Ms      float64 `json:"p50Ms,omitempty"`
	P99Ms      float64 `json:"p99Ms,omitempty"`
	FirstError string  `json:"firstError,omitempty"`
}

func main() {
	mode := flag.String("mode", "", "raw, clientgo or watch")
	server := flag.String("server", "", "https://127.0.0.1:PORT")
	tokenFile := flag.String("token-file", "", "file with the bearer token")
	ca := flag.String("ca", "", "file with the server's CA")
	namespace := flag.String("namespace", "bench", "namespace of the objects")
	op := flag.String("op", "create", "create, update, patch, delete, get")
	n := flag.Int("n", 1000, "operations")
	prefix := flag.String("prefix", "o", "prefix of the objects' names")
	sizeBytes := flag.Int("size", 2000, "bytes of data in an object")
	conns := flag.Int("conns", 4, "connections (raw)")
	streams := flag.Int("streams", 8, "requests at once on one connection (raw)")
	clients := flag.Int("clients", 32, "clients at once (clientgo)")
	protobuf := flag.Bool("protobuf", false, "protobuf instead of JSON (clientgo)")
	watchers := flag.Int("watchers", 100, "watchers (watch)")
	flag.Parse()

	if err := requireLoopback(*server); err != nil {
		fail(err)
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		fail(err)
	}
	to := target{server: *server, token: string(token), caFile: *ca}
	work := work{op: *op, namespace: *namespace, prefix: *prefix, count: *n, sizeBytes: *sizeBytes}
	var measured result
	switch *mode {
	case "raw":
		measured, err = runRaw(to, work, *conns, *streams)
	case "clientgo":
		measured, err = runClientGo(to, work, *clients, *protobuf)
	case "watch":
		measured, err = runWatch(to, work, *watchers)
	default:
		err = fmt.Errorf("--mode %q: must be raw, clientgo or watch", *mode)
	}
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(measured); err != nil {
		fail(err)
	}
}

// Load goes to this machine only.
func requireLoopback(server string) error {
	parsed, err := url.Parse(server)
	if err != nil {
		return err
	}
	if host := parsed.Hostname(); host != "127.0.0.1" && host != "::1" && host != "localhost" {
		return fmt.Errorf("--server %q: load goes to loopback addresses only", server)
	}
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

func summarize(operations, failed int, elapsed time.Duration, latencies []time.Duration, firstError string) result {
	seconds := elapsed.Seconds()
	return result{
		Operations: operations, Failed: failed, Seconds: seconds, PerSecond: float64(operations-failed) / seconds,
		P50Ms: percentile(latencies, 50), P99Ms: percentile(latencies, 99), FirstError: firstError,
	}
}
