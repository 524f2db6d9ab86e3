package programs

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/client-go/util/retry"
	"k8s.io/client-go/util/workqueue"
)

// A controller: an informer (by WatchList, which client-go asks for by default) feeds a queue, workers write back.
func TestController(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const count = 50
	for i := range count / 2 {
		_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap(fmt.Sprintf("early-%d", i), nil), metav1.CreateOptions{})
		must(t, err)
	}
	factory := informers.NewSharedInformerFactoryWithOptions(client, 0, informers.WithNamespace(ns))
	informer := factory.Core().V1().ConfigMaps()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]())
	enqueue := func(object any) {
		if key, err := cache.MetaNamespaceKeyFunc(object); err == nil {
			queue.Add(key)
		}
	}
	_, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: enqueue, UpdateFunc: func(_, object any) { enqueue(object) },
	})
	must(t, err)
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.Informer().HasSynced) {
		t.Fatal("the cache did not sync")
	}
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for {
				key, shutdown := queue.Get()
				if shutdown {
					return
				}
				_, name, _ := cache.SplitMetaNamespaceKey(key)
				found, err := informer.Lister().ConfigMaps(ns).Get(name)
				if err == nil && found.Data["seen"] == "" {
					next := found.DeepCopy()
					next.Data = map[string]string{"seen": "yes"}
					_, err = client.CoreV1().ConfigMaps(ns).Update(ctx, next, metav1.UpdateOptions{})
				}
				if err != nil {
					queue.AddRateLimited(key)
				} else {
					queue.Forget(key)
				}
				queue.Done(key)
			}
		})
	}
	for i := range count / 2 {
		_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap(fmt.Sprintf("late-%d", i), nil), metav1.CreateOptions{})
		must(t, err)
	}
	eventually(t, "all are written", func() bool {
		all, _ := informer.Lister().ConfigMaps(ns).List(labels.Everything())
		seen := 0
		for _, one := range all {
			if one.Data["seen"] == "yes" {
				seen++
			}
		}
		return seen >= count
	})
	queue.ShutDown()
	workers.Wait()
}

// The list of a WatchList is what a LIST is, and ends with the bookmark that says so.
func TestWatchList(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx := context.Background()
	for i := range 10 {
		_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap(fmt.Sprintf("cm-%d", i), nil), metav1.CreateOptions{})
		must(t, err)
	}
	send := true
	watcher, err := client.CoreV1().ConfigMaps(ns).Watch(ctx, metav1.ListOptions{
		SendInitialEvents: &send, AllowWatchBookmarks: true,
		ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
		FieldSelector:        "metadata.name!=kube-root-ca.crt",
	})
	must(t, err)
	defer watcher.Stop()
	added := 0
	for event := range watcher.ResultChan() {
		if event.Type == watch.Bookmark {
			object := event.Object.(*corev1.ConfigMap)
			if object.Annotations[metav1.InitialEventsAnnotationKey] == "true" {
				break
			}
			continue
		}
		added++
	}
	if added != 10 {
		t.Fatalf("%d objects before the bookmark, not 10", added)
	}
}

// A watch that ends is taken up where it was, without an event lost or twice.
func TestRetryWatcher(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	list, err := client.CoreV1().ConfigMaps(ns).List(ctx, metav1.ListOptions{})
	must(t, err)
	timeout := int64(1)
	lw := &cache.ListWatch{WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
		options.TimeoutSeconds = &timeout
		options.LabelSelector = "watched"
		return client.CoreV1().ConfigMaps(ns).Watch(ctx, options)
	}}
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, list.ResourceVersion, lw)
	must(t, err)
	go func() {
		for i := range 30 {
			object := configMap(fmt.Sprintf("cm-%d", i), nil)
			object.Labels = map[string]string{"watched": "yes"}
			_, _ = client.CoreV1().ConfigMaps(ns).Create(ctx, object, metav1.CreateOptions{})
			time.Sleep(100 * time.Millisecond)
		}
	}()
	for i := range 30 {
		event := <-watcher.ResultChan()
		object, ok := event.Object.(*corev1.ConfigMap)
		if !ok || object.Name != fmt.Sprintf("cm-%d", i) {
			t.Fatalf("event %d is %v %v", i, event.Type, event.Object)
		}
	}
}

// Many writers of one object: conflicts are told, retried, and none is lost.
func TestConflicts(t *testing.T) {
	client := typed(t)
	ns := namespace(t, client)
	ctx := context.Background()
	_, err := client.CoreV1().ConfigMaps(ns).Create(ctx, configMap("counter", map[string]string{"n": ""}), metav1.CreateOptions{})
	must(t, err)
	var conflicts atomic.Int64
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 5 {
				backoff := retry.DefaultBackoff
				backoff.Steps = 50
				if err := retry.RetryOnConflict(backoff, func() error {
					found, err := client.CoreV1().ConfigMaps(ns).Get(ctx, "counter", metav1.GetOptions{})
					if err != nil {
						return err
					}
					found.Data["n"] += "x"
					_, err = client.CoreV1().ConfigMaps(ns).Update(ctx, found, metav1.UpdateOptions{})
					if apierrors.IsConflict(err) {
						conflicts.Add(1)
					}
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	found, err := client.CoreV1().ConfigMaps(ns).Get(ctx, "counter", metav1.GetOptions{})
	must(t, err)
	if len(found.Data["n"]) != 40 {
		t.Fatalf("%d of 40 writes are there", len(found.Data["n"]))
	}
	t.Logf("%d conflicts", conflicts.Load())
}
