// Clients of the control plane that KUBECONFIG names, and a namespace for each test.
package programs

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func config(t *testing.T) *rest.Config {
	t.Helper()
	loaded, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	must(t, err)
	made, err := clientcmd.NewDefaultClientConfig(*loaded, nil).ClientConfig()
	must(t, err)
	made.QPS, made.Burst = -1, 0
	return made
}

// typed sends protobuf and asks for it, as components of Kubernetes do.
func typed(t *testing.T) kubernetes.Interface {
	t.Helper()
	made := config(t)
	made.ContentType = runtime.ContentTypeProtobuf
	made.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(made)
	must(t, err)
	return client
}

func namespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	name := strings.ToLower(strings.ReplaceAll(t.Name(), "_", "-"))
	ctx := context.Background()
	_, err := client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
	t.Cleanup(func() { _ = client.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{}) })
	return name
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, probe func() bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(context.Background(), 20*time.Millisecond, 30*time.Second, true,
		func(context.Context) (bool, error) { return probe(), nil })
	if err != nil {
		t.Fatalf("waited 30 s until %s", what)
	}
}
