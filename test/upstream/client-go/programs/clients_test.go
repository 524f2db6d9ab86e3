package programs

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/retry"
)

func deployment(name string, replicas int32) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "registry.example.com/main:1"}}},
			},
		},
	}
}

// One of two leads; the other takes over when it lets go.
func TestLeaderElection(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	leads := make(chan string, 4)
	run := func(ctx context.Context, identity string) {
		lock := &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Name: "lock", Namespace: ns},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
		}
		leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, ReleaseOnCancel: true,
			LeaseDuration: 4 * time.Second, RenewDeadline: 3 * time.Second, RetryPeriod: 200 * time.Millisecond,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { leads <- identity },
				OnStoppedLeading: func() {},
			},
		})
	}
	first, stopFirst := context.WithCancel(context.Background())
	second, stopSecond := context.WithCancel(context.Background())
	defer stopSecond()
	go run(first, "first")
	if leader := <-leads; leader != "first" {
		t.Fatalf("%s leads", leader)
	}
	go run(second, "second")
	select {
	case leader := <-leads:
		t.Fatalf("%s leads as well", leader)
	case <-time.After(time.Second):
	}
	stopFirst()
	if leader := <-leads; leader != "second" {
		t.Fatalf("%s leads", leader)
	}
	lease, err := client.CoordinationV1().Leases(ns).Get(second, "lock", metav1.GetOptions{})
	must(t, err)
	if *lease.Spec.HolderIdentity != "second" || *lease.Spec.LeaseTransitions != 1 {
		t.Fatalf("lease of %s after %d transitions", *lease.Spec.HolderIdentity, *lease.Spec.LeaseTransitions)
	}
}

// Typed apply configurations: own fields change, others' stay, conflicts name the manager, extracted ones apply again.
func TestApplyConfigurations(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx := context.Background()
	container := coreapply.Container().WithName("main").WithImage("registry.example.com/main:1")
	labels := map[string]string{"app": "web"}
	config := appsapply.Deployment("web", ns).WithSpec(appsapply.DeploymentSpec().
		WithReplicas(1).
		WithSelector(metaapply.LabelSelector().WithMatchLabels(labels)).
		WithTemplate(coreapply.PodTemplateSpec().WithLabels(labels).WithSpec(coreapply.PodSpec().WithContainers(container))))
	applied, err := client.AppsV1().Deployments(ns).Apply(ctx, config, metav1.ApplyOptions{FieldManager: "one"})
	must(t, err)
	side := coreapply.Container().WithName("side").WithImage("registry.example.com/side:1")
	other := appsapply.Deployment("web", ns).WithSpec(appsapply.DeploymentSpec().
		WithTemplate(coreapply.PodTemplateSpec().WithSpec(coreapply.PodSpec().WithContainers(side))))
	both, err := client.AppsV1().Deployments(ns).Apply(ctx, other, metav1.ApplyOptions{FieldManager: "two"})
	must(t, err)
	if len(both.Spec.Template.Spec.Containers) != 2 {
		t.Fatal("the second manager's container is missing")
	}
	scaled := appsapply.Deployment("web", ns).WithSpec(appsapply.DeploymentSpec().WithReplicas(3))
	_, err = client.AppsV1().Deployments(ns).Apply(ctx, scaled, metav1.ApplyOptions{FieldManager: "two"})
	if !apierrors.IsConflict(err) || !strings.Contains(err.Error(), `conflict with "one": .spec.replicas`) {
		t.Fatalf("a conflict was expected, not %v", err)
	}
	extracted, err := appsapply.ExtractDeployment(both, "one")
	must(t, err)
	if *extracted.Spec.Replicas != 1 || len(extracted.Spec.Template.Spec.Containers) != 1 {
		t.Fatal("what one manages is not what it applied")
	}
	again, err := client.AppsV1().Deployments(ns).Apply(ctx, extracted, metav1.ApplyOptions{FieldManager: "one"})
	must(t, err)
	if again.ResourceVersion != both.ResourceVersion || again.Generation != applied.Generation+1 {
		t.Fatal("applying what is there changed something")
	}
}

func TestDynamicAndCustomResources(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	extensions, err := apiextensions.NewForConfig(config(t))
	must(t, err)
	preserve := true
	definition := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "gadgets.go.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "go.example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "gadgets", Kind: "Gadget"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
					Type: "object", XPreserveUnknownFields: &preserve,
				}},
				Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
			}},
		},
	}
	_, err = extensions.ApiextensionsV1().CustomResourceDefinitions().Create(ctx, definition, metav1.CreateOptions{})
	must(t, err)
	cached := memory.NewMemCacheClient(discovery.NewDiscoveryClientForConfigOrDie(config(t)))
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	var mapping *meta.RESTMapping
	eventually(t, "the kind is mapped", func() bool {
		mapper.Reset()
		mapping, err = mapper.RESTMapping(schema.GroupKind{Group: "go.example.com", Kind: "Gadget"})
		return err == nil
	})
	dynamics, err := dynamic.NewForConfig(config(t))
	must(t, err)
	gadgets := dynamics.Resource(mapping.Resource).Namespace(ns)
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(dynamics, 0, ns, nil)
	informer := factory.ForResource(mapping.Resource).Informer()
	factory.Start(ctx.Done())
	cache.WaitForCacheSync(ctx.Done(), informer.HasSynced)
	gadget := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "go.example.com/v1", "kind": "Gadget",
		"metadata": map[string]any{"name": "one"}, "spec": map[string]any{"size": int64(1)},
	}}
	made, err := gadgets.Create(ctx, gadget, metav1.CreateOptions{})
	must(t, err)
	must(t, unstructured.SetNestedField(made.Object, "Ready", "status", "phase"))
	made, err = gadgets.UpdateStatus(ctx, made, metav1.UpdateOptions{})
	must(t, err)
	patched, err := gadgets.Patch(ctx, "one", types.MergePatchType, []byte(`{"spec":{"size":2}}`), metav1.PatchOptions{})
	must(t, err)
	if patched.GetGeneration() != made.GetGeneration()+1 {
		t.Fatal("the generation did not grow")
	}
	eventually(t, "the informer has it", func() bool {
		found, exists, _ := informer.GetStore().GetByKey(ns + "/one")
		if !exists {
			return false
		}
		size, _, _ := unstructured.NestedInt64(found.(*unstructured.Unstructured).Object, "spec", "size")
		phase, _, _ := unstructured.NestedString(found.(*unstructured.Unstructured).Object, "status", "phase")
		return size == 2 && phase == "Ready"
	})
	metadatas, err := metadata.NewForConfig(config(t))
	must(t, err)
	partial, err := metadatas.Resource(mapping.Resource).Namespace(ns).Get(ctx, "one", metav1.GetOptions{})
	must(t, err)
	if partial.Name != "one" || partial.UID != made.GetUID() {
		t.Fatal("metadata is another object's")
	}
	must(t, extensions.ApiextensionsV1().CustomResourceDefinitions().Delete(ctx, definition.Name, metav1.DeleteOptions{}))
	eventually(t, "the kind is gone", func() bool {
		_, err := gadgets.List(ctx, metav1.ListOptions{})
		return apierrors.IsNotFound(err)
	})
}

func TestDiscovery(t *testing.T) {
	client := discovery.NewDiscoveryClientForConfigOrDie(config(t))
	version, err := client.ServerVersion()
	must(t, err)
	if version.Major != "1" || version.Minor != "36" {
		t.Fatalf("version %s", version)
	}
	groups, resources, err := client.ServerGroupsAndResources()
	must(t, err)
	legacy, legacyResources, err := discovery.NewDiscoveryClientForConfigOrDie(config(t)).WithLegacy().(discovery.DiscoveryInterface).ServerGroupsAndResources()
	must(t, err)
	if len(groups) != len(legacy) || len(resources) != len(legacyResources) {
		t.Fatalf("aggregated discovery has %d groups, unaggregated %d", len(groups), len(legacy))
	}
	preferred, err := client.ServerPreferredResources()
	must(t, err)
	if len(preferred) == 0 {
		t.Fatal("nothing is preferred")
	}
	document, err := client.OpenAPISchema()
	must(t, err)
	if len(document.GetDefinitions().GetAdditionalProperties()) < 500 {
		t.Fatal("OpenAPI v2 as protobuf is short")
	}
	paths, err := client.OpenAPIV3().Paths()
	must(t, err)
	if paths["apis/apps/v1"] == nil {
		t.Fatal("OpenAPI v3 has no apps/v1")
	}
}

func TestScaleAndEviction(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx := context.Background()
	_, err := client.AppsV1().Deployments(ns).Create(ctx, deployment("web", 1), metav1.CreateOptions{})
	must(t, err)
	cached := memory.NewMemCacheClient(client.Discovery())
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(cached)
	scales, err := scale.NewForConfig(config(t), mapper, dynamic.LegacyAPIPathResolverFunc, scale.NewDiscoveryScaleKindResolver(client.Discovery()))
	must(t, err)
	resource := schema.GroupResource{Group: "apps", Resource: "deployments"}
	must(t, retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		found, err := scales.Scales(ns).Get(ctx, resource, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		found.Spec.Replicas = 2
		_, err = scales.Scales(ns).Update(ctx, resource, found, metav1.UpdateOptions{})
		return err
	}))
	typedScale, err := client.AppsV1().Deployments(ns).GetScale(ctx, "web", metav1.GetOptions{})
	must(t, err)
	if typedScale.Spec.Replicas != 2 || typedScale.Status.Selector != "app=web" {
		t.Fatalf("scale %+v", autoscalingv1.ScaleSpec(typedScale.Spec))
	}
	eventually(t, "both are ready", func() bool {
		found, err := client.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && found.Status.ReadyReplicas == 2
	})
	two := intstr.FromInt32(2)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: &two,
			Selector:     &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
		},
	}
	_, err = client.PolicyV1().PodDisruptionBudgets(ns).Create(ctx, budget, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "the budget is counted", func() bool {
		found, err := client.PolicyV1().PodDisruptionBudgets(ns).Get(ctx, "web", metav1.GetOptions{})
		return err == nil && found.Status.ExpectedPods == 2
	})
	pods, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
	must(t, err)
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pods.Items[0].Name, Namespace: ns}}
	err = client.PolicyV1().Evictions(ns).Evict(ctx, eviction)
	if !apierrors.IsTooManyRequests(err) || !apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause) {
		t.Fatalf("the budget was to refuse, not %v", err)
	}
	must(t, client.PolicyV1().PodDisruptionBudgets(ns).Delete(ctx, "web", metav1.DeleteOptions{}))
	eventually(t, "it is evicted", func() bool { return client.PolicyV1().Evictions(ns).Evict(ctx, eviction) == nil })
}

func TestPagesAndCollections(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx := context.Background()
	for i := range 25 {
		object := configMap(fmt.Sprintf("cm-%02d", i), nil)
		object.Labels = map[string]string{"paged": "yes"}
		_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, object, metav1.CreateOptions{})
		must(t, err)
	}
	requests := 0
	pages := pager.New(func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
		requests++
		options.LabelSelector = "paged"
		return client.CoreV1().ConfigMaps(ns).List(ctx, options)
	})
	pages.PageSize = 10
	seen := 0
	must(t, pages.EachListItem(ctx, metav1.ListOptions{}, func(runtime.Object) error { seen++; return nil }))
	if seen != 25 || requests != 3 {
		t.Fatalf("%d objects in %d requests", seen, requests)
	}
	must(t, client.CoreV1().ConfigMaps(ns).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "paged"}))
	left, err := client.CoreV1().ConfigMaps(ns).List(ctx, metav1.ListOptions{LabelSelector: "paged"})
	must(t, err)
	if len(left.Items) != 0 {
		t.Fatalf("%d are left", len(left.Items))
	}
}

func TestEvents(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx := context.Background()
	made, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap("told", nil), metav1.CreateOptions{})
	must(t, err)
	broadcaster := record.NewBroadcaster()
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	recorder := broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "suite"})
	for range 3 {
		recorder.Event(made, corev1.EventTypeNormal, "Told", "it was told")
	}
	eventually(t, "the event is counted", func() bool {
		found, err := client.CoreV1().Events(ns).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=told,reason=Told"})
		return err == nil && len(found.Items) == 1 && found.Items[0].Count == 3
	})
}
