// The dynamic client in CBOR, which its gates make it send and prefer: they are read once, so a process of its own.
package programs

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

const cborGate = "KUBE_FEATURE_ClientsAllowCBOR"

// seen keeps the media types of requests and answers.
type seen struct {
	inner http.RoundTripper
	mutex sync.Mutex
	types map[string]int
}

func (s *seen) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := s.inner.RoundTrip(request)
	if err == nil {
		s.mutex.Lock()
		defer s.mutex.Unlock()
		s.types["sent "+request.Header.Get("Content-Type")]++
		s.types["got "+response.Header.Get("Content-Type")]++
	}
	return response, err
}

func TestCBOR(t *testing.T) {
	if os.Getenv(cborGate) == "" {
		program := exec.Command(os.Args[0], "-test.run", "^TestCBOR$", "-test.v")
		program.Env = append(os.Environ(), cborGate+"=true", "KUBE_FEATURE_ClientsPreferCBOR=true")
		output, err := program.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		return
	}
	ns := namespace(t, typed(t))
	made := config(t)
	record := &seen{types: map[string]int{}}
	made.Wrap(func(inner http.RoundTripper) http.RoundTripper {
		record.inner = inner
		return record
	})
	client, err := dynamic.NewForConfig(made)
	must(t, err)
	maps := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}).Namespace(ns)
	ctx := context.Background()
	object := func(name string, value string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]interface{}{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]interface{}{"name": name, "labels": map[string]interface{}{"of": "cbor"}},
			"data": map[string]interface{}{"value": value}, "binaryData": map[string]interface{}{"bytes": "AQID"},
		}}
	}
	created, err := maps.Create(ctx, object("a", "één"), metav1.CreateOptions{})
	must(t, err)
	watched, err := maps.Watch(ctx, metav1.ListOptions{
		LabelSelector: "of=cbor", ResourceVersion: created.GetResourceVersion(), TimeoutSeconds: seconds(20),
	})
	must(t, err)
	defer watched.Stop()

	got, err := maps.Get(ctx, "a", metav1.GetOptions{})
	must(t, err)
	if fmt.Sprint(got.Object) != fmt.Sprint(created.Object) {
		t.Fatalf("got %v, created %v", got.Object, created.Object)
	}
	if value, _, _ := unstructured.NestedString(got.Object, "binaryData", "bytes"); value != "AQID" {
		t.Fatalf("bytes came back as %q", value)
	}
	must(t, unstructured.SetNestedField(got.Object, "two", "data", "value"))
	_, err = maps.Update(ctx, got, metav1.UpdateOptions{})
	must(t, err)
	_, err = maps.Update(ctx, created, metav1.UpdateOptions{})
	if !apierrors.IsConflict(err) {
		t.Fatalf("an old version was not refused: %v", err)
	}
	applied, err := maps.Apply(ctx, "b", object("b", "applied"), metav1.ApplyOptions{FieldManager: "cbor"})
	must(t, err)
	if len(applied.GetManagedFields()) != 1 || applied.GetManagedFields()[0].Operation != metav1.ManagedFieldsOperationApply {
		t.Fatalf("managed fields: %v", applied.GetManagedFields())
	}
	_, err = maps.Patch(ctx, "b", types.MergePatchType, []byte(`{"data":{"value":"patched"}}`), metav1.PatchOptions{})
	must(t, err)
	list, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "of=cbor"})
	must(t, err)
	if len(list.Items) != 2 {
		t.Fatalf("%d items", len(list.Items))
	}
	must(t, maps.Delete(ctx, "b", *metav1.NewPreconditionDeleteOptions(string(applied.GetUID()))))
	_, err = maps.Get(ctx, "b", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		t.Fatalf("a deleted object: %v", err)
	}

	var events []string
	for event := range watched.ResultChan() {
		events = append(events, string(event.Type)+" "+event.Object.(*unstructured.Unstructured).GetName())
		if event.Type == watch.Deleted {
			break
		}
	}
	if told := strings.Join(events, ", "); told != "MODIFIED a, ADDED b, MODIFIED b, DELETED b" {
		t.Fatalf("events: %s", told)
	}
	for _, wanted := range []string{
		"sent application/cbor", "sent application/apply-patch+cbor", "got application/cbor", "got application/cbor-seq",
	} {
		if record.types[wanted] == 0 {
			t.Errorf("no %s among %v", wanted, record.types)
		}
	}
	if record.types["got application/json"] > 0 {
		t.Errorf("answers in JSON: %v", record.types)
	}
}

func seconds(count int64) *int64 { return &count }
