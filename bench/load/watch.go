package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	watchersPerConnection = 100
	writers               = 8
	waitMax               = 120 * time.Second
)

// runWatch opens watchers that count lines and decode nothing, creates `count` objects, and waits until every watcher
// has seen every one of them. PerSecond counts events delivered.
func runWatch(to target, w work, watchers int) (result, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var seen atomic.Int64
	wanted := int64(watchers) * int64(w.count)
	done := make(chan struct{})
	failed := make(chan error, watchers)
	var client *http.Client
	for i := range watchers {
		if i%watchersPerConnection == 0 {
			fresh, err := to.connection()
			if err != nil {
				return result{}, err
			}
			client = fresh
		}
		body, err := openWatch(ctx, to, client, w.namespace)
		if err != nil {
			return result{}, err
		}
		go func() {
			if err := countLines(body, &seen, wanted, done); err != nil && ctx.Err() == nil {
				failed <- err
			}
		}()
	}
	writer, err := to.connection()
	if err != nil {
		return result{}, err
	}
	w.op = "create"
	start := time.Now()
	written := runPool(writers, w.count, func(_, i int) error { return rawOperation(to, writer, w, i) })
	if written.Failed > 0 {
		return result{}, fmt.Errorf("%d writes failed, the first: %s", written.Failed, written.FirstError)
	}
	select {
	case <-done:
	case err := <-failed:
		return result{}, fmt.Errorf("a watch ended early: %w", err)
	case <-time.After(waitMax):
		return result{}, fmt.Errorf("%d of %d events came in %s", seen.Load(), wanted, waitMax)
	}
	return summarize(int(wanted), 0, time.Since(start), nil, ""), nil
}

func openWatch(ctx context.Context, to target, client *http.Client, namespace string) (io.ReadCloser, error) {
	now, err := currentVersion(to, client, namespace)
	if err != nil {
		return nil, err
	}
	path := fmt.Sprintf("/api/v1/namespaces/%s/configmaps?watch=1&resourceVersion=%s", namespace, now)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, to.server+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+to.token)
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("watch: %s", response.Status)
	}
	return response.Body, nil
}

func countLines(body io.Reader, seen *atomic.Int64, wanted int64, done chan struct{}) error {
	buffer := make([]byte, 64<<10)
	for {
		n, err := body.Read(buffer)
		lines := int64(bytes.Count(buffer[:n], []byte{'\n'}))
		if total := seen.Add(lines); lines > 0 && total == wanted {
			close(done)
		}
		if err != nil {
			return err
		}
	}
}

// currentVersion is the resourceVersion of an empty list: where the watches start.
func currentVersion(to target, client *http.Client, namespace string) (string, error) {
	request, err := http.NewRequest(http.MethodGet, to.server+"/api/v1/namespaces/"+namespace+"/configmaps?limit=1", nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Authorization", "Bearer "+to.token)
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var list struct {
		Metadata struct {
			ResourceVersion string `json:"resourceVersion"`
		} `json:"metadata"`
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return "", err
	}
	return list.Metadata.ResourceVersion, nil
}
