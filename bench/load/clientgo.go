package main

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
)

// Each client has a connection of its own, as so many programs would.
func (t target) clientset(protobuf bool, i int) (*kubernetes.Clientset, error) {
	config := &rest.Config{
		Host: t.server, BearerToken: t.token, TLSClientConfig: rest.TLSClientConfig{CAFile: t.caFile},
		QPS: -1, UserAgent: fmt.Sprintf("load/%d", i),
	}
	config.ContentType = "application/json"
	if protobuf {
		config.ContentType = "application/vnd.kubernetes.protobuf"
		config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	}
	return kubernetes.NewForConfig(config)
}

func runClientGo(to target, w work, clients int, protobuf bool) (result, error) {
	ctx := context.Background()
	all := make([]corev1client.ConfigMapInterface, clients)
	for i := range all {
		clientset, err := to.clientset(protobuf, i)
		if err != nil {
			return result{}, err
		}
		all[i] = clientset.CoreV1().ConfigMaps(w.namespace)
	}
	return runPool(clients, w.count, func(worker, i int) error { return clientGoOperation(ctx, all[worker], w, i) }), nil
}

func clientGoOperation(ctx context.Context, client corev1client.ConfigMapInterface, w work, i int) error {
	var err error
	switch w.op {
	case "create":
		_, err = client.Create(ctx, configMap(w, i), metav1.CreateOptions{})
	case "update":
		_, err = client.Update(ctx, configMap(w, i), metav1.UpdateOptions{})
	case "patch":
		patch, encodeError := json.Marshal(map[string]any{"data": map[string]string{"patched": w.data(i)[:24]}})
		if encodeError != nil {
			return encodeError
		}
		_, err = client.Patch(ctx, w.name(i), types.MergePatchType, patch, metav1.PatchOptions{})
	case "delete":
		err = client.Delete(ctx, w.name(i), metav1.DeleteOptions{})
	case "get":
		_, err = client.Get(ctx, w.name(i), metav1.GetOptions{})
	default:
		err = fmt.Errorf("no such operation: %s", w.op)
	}
	return err
}

func configMap(w work, i int) *corev1.ConfigMap {
	labels := map[string]string{"tenth": fmt.Sprint(i % 10)}
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: w.name(i), Namespace: w.namespace, Labels: labels},
		Data:       map[string]string{"value": w.data(i)},
	}
}
