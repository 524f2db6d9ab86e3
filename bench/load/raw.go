package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"

	"golang.org/x/net/http2"
)

// One HTTP/2 connection per client: net/http would share one among all.
func (t target) connection() (*http.Client, error) {
	pem, err := os.ReadFile(t.caFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", t.caFile)
	}
	return &http.Client{Transport: &http2.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}, nil
}

func (t target) do(client *http.Client, method, path, contentType string, body []byte) error {
	request, err := http.NewRequest(method, t.server+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+t.token)
	request.Header.Set("Accept", "application/json")
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 500))
		return fmt.Errorf("%s %s: %d %s", method, path, response.StatusCode, text)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

func runRaw(to target, w work, conns, streams int) (result, error) {
	clients := make([]*http.Client, conns)
	for i := range clients {
		client, err := to.connection()
		if err != nil {
			return result{}, err
		}
		clients[i] = client
	}
	return runPool(conns*streams, w.count, func(worker, i int) error {
		return rawOperation(to, clients[worker%conns], w, i)
	}), nil
}

func rawOperation(to target, client *http.Client, w work, i int) error {
	list := "/api/v1/namespaces/" + w.namespace + "/configmaps"
	one := list + "/" + w.name(i)
	switch w.op {
	case "create":
		return to.do(client, http.MethodPost, list, "application/json", configMapJSON(w, i))
	case "update":
		return to.do(client, http.MethodPut, one, "application/json", configMapJSON(w, i))
	case "patch":
		patch, err := json.Marshal(map[string]any{"data": map[string]string{"patched": w.data(i)[:24]}})
		if err != nil {
			return err
		}
		return to.do(client, http.MethodPatch, one, "application/merge-patch+json", patch)
	case "delete":
		return to.do(client, http.MethodDelete, one, "", nil)
	case "get":
		return to.do(client, http.MethodGet, one, "", nil)
	}
	return fmt.Errorf("no such operation: %s", w.op)
}

// One object in ten carries the label that the selector benchmark asks for.
func configMapJSON(w work, i int) []byte {
	object := map[string]any{
		"kind": "ConfigMap", "apiVersion": "v1",
		"metadata": map[string]any{
			"name": w.name(i), "namespace": w.namespace, "labels": map[string]string{"tenth": fmt.Sprint(i % 10)},
		},
		"data": map[string]string{"value": w.data(i)},
	}
	encoded, err := json.Marshal(object)
	if err != nil {
		panic(err) // a map of strings always encodes
	}
	return encoded
}
