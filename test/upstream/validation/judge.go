// Command judge says of objects, one JSON line each, what kube-apiserver's own rules say of them: defaults, strategy and
// validation of a create or an update, or the checks of a Pod security level. One JSON line for an answer.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	genericrequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	psapi "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"k8s.io/kubernetes/pkg/api/legacyscheme"
	_ "k8s.io/kubernetes/pkg/controlplane"
	"k8s.io/kubernetes/pkg/registry/apps/daemonset"
	"k8s.io/kubernetes/pkg/registry/apps/deployment"
	"k8s.io/kubernetes/pkg/registry/apps/replicaset"
	"k8s.io/kubernetes/pkg/registry/apps/statefulset"
	"k8s.io/kubernetes/pkg/registry/autoscaling/horizontalpodautoscaler"
	"k8s.io/kubernetes/pkg/registry/batch/cronjob"
	"k8s.io/kubernetes/pkg/registry/batch/job"
	"k8s.io/kubernetes/pkg/registry/coordination/lease"
	"k8s.io/kubernetes/pkg/registry/core/configmap"
	"k8s.io/kubernetes/pkg/registry/core/limitrange"
	"k8s.io/kubernetes/pkg/registry/core/namespace"
	"k8s.io/kubernetes/pkg/registry/core/node"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolume"
	"k8s.io/kubernetes/pkg/registry/core/persistentvolumeclaim"
	"k8s.io/kubernetes/pkg/registry/core/pod"
	"k8s.io/kubernetes/pkg/registry/core/resourcequota"
	"k8s.io/kubernetes/pkg/registry/core/secret"
	"k8s.io/kubernetes/pkg/registry/core/service"
	"k8s.io/kubernetes/pkg/registry/discovery/endpointslice"
	"k8s.io/kubernetes/pkg/registry/networking/ingress"
	"k8s.io/kubernetes/pkg/registry/networking/ingressclass"
	"k8s.io/kubernetes/pkg/registry/networking/networkpolicy"
	"k8s.io/kubernetes/pkg/registry/policy/poddisruptionbudget"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrole"
	"k8s.io/kubernetes/pkg/registry/rbac/clusterrolebinding"
	"k8s.io/kubernetes/pkg/registry/rbac/role"
	"k8s.io/kubernetes/pkg/registry/rbac/rolebinding"
	"k8s.io/kubernetes/pkg/registry/scheduling/priorityclass"
	"k8s.io/kubernetes/pkg/registry/storage/storageclass"
)

type strategy interface {
	rest.RESTCreateStrategy
	rest.RESTUpdateStrategy
}

var strategies = map[string]strategy{
	"Pod": pod.Strategy, "Service": service.Strategy, "PersistentVolumeClaim": persistentvolumeclaim.Strategy,
	"PersistentVolume": persistentvolume.Strategy, "ConfigMap": configmap.Strategy, "Secret": secret.Strategy,
	"Node": node.Strategy, "Namespace": namespace.Strategy, "LimitRange": limitrange.Strategy,
	"ResourceQuota": resourcequota.Strategy, "Deployment": deployment.Strategy, "StatefulSet": statefulset.Strategy,
	"DaemonSet": daemonset.Strategy, "ReplicaSet": replicaset.Strategy, "Job": job.Strategy, "CronJob": cronjob.Strategy,
	"NetworkPolicy": networkpolicy.Strategy, "Ingress": ingress.Strategy, "IngressClass": ingressclass.Strategy,
	"HorizontalPodAutoscaler": horizontalpodautoscaler.Strategy, "ClusterRole": clusterrole.Strategy,
	"Role": role.Strategy, "RoleBinding": rolebinding.Strategy, "ClusterRoleBinding": clusterrolebinding.Strategy,
	"PodDisruptionBudget": poddisruptionbudget.Strategy, "StorageClass": storageclass.Strategy,
	"PriorityClass": priorityclass.Strategy, "Lease": lease.Strategy, "EndpointSlice": endpointslice.Strategy,
}

type question struct {
	Op      string          `json:"op"` // create, update, podsecurity
	Object  json.RawMessage `json:"object"`
	Old     json.RawMessage `json:"old"`
	Level   string          `json:"level"`
	Version string          `json:"version"`
}

type cause struct {
	Type    string `json:"type"`
	Field   string `json:"field"`
	Message string `json:"message"`
}

type answer struct {
	// Why there is no answer.
	Broken string `json:"broken,omitempty"`
	// Of a refusal.
	Reason  string  `json:"reason,omitempty"`
	Message string  `json:"message,omitempty"`
	Causes  []cause `json:"causes,omitempty"`
}

func main() {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		panic(err)
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 64<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	encoder := json.NewEncoder(out)
	for in.Scan() {
		q := question{}
		if err := json.Unmarshal(in.Bytes(), &q); err != nil {
			panic(err)
		}
		encoder.Encode(safely(func() answer {
			if q.Op == "podsecurity" {
				return podSecurity(evaluator, q)
			}
			return judge(q)
		}))
	}
}

func safely(work func() answer) (found answer) {
	defer func() {
		if r := recover(); r != nil {
			found = answer{Broken: fmt.Sprint("panic: ", r)}
		}
	}()
	return work()
}

func podSecurity(evaluator policy.Evaluator, q question) answer {
	p := corev1.Pod{}
	if err := json.Unmarshal(q.Object, &p); err != nil {
		return answer{Broken: err.Error()}
	}
	version, err := psapi.ParseVersion(q.Version)
	if err != nil {
		return answer{Broken: err.Error()}
	}
	level := psapi.LevelVersion{Level: psapi.Level(q.Level), Version: version}
	result := policy.AggregateCheckResults(evaluator.EvaluatePod(level, &p.ObjectMeta, &p.Spec))
	return answer{Message: result.ForbiddenDetail()}
}

func decoded(text []byte) (runtime.Object, schema.GroupVersionKind, error) {
	object, kind, err := legacyscheme.Codecs.UniversalDeserializer().Decode(text, nil, nil)
	if err != nil {
		return nil, schema.GroupVersionKind{}, err
	}
	legacyscheme.Scheme.Default(object)
	internal, err := legacyscheme.Scheme.ConvertToVersion(object, runtime.InternalGroupVersioner)
	return internal, *kind, err
}

func judge(q question) answer {
	object, kind, err := decoded(q.Object)
	if err != nil {
		return answer{Broken: err.Error()}
	}
	s := strategies[kind.Kind]
	if s == nil {
		return answer{Broken: "no strategy for " + kind.Kind}
	}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return answer{Broken: err.Error()}
	}
	resource, _ := meta.UnsafeGuessKindToResource(kind)
	ctx := genericrequest.WithRequestInfo(context.Background(), &genericrequest.RequestInfo{
		IsResourceRequest: true, Verb: q.Op, APIGroup: kind.Group, APIVersion: kind.Version, Resource: resource.Resource,
		Namespace: accessor.GetNamespace(), Name: accessor.GetName(),
	})
	ctx = genericrequest.WithUser(genericrequest.WithNamespace(ctx, accessor.GetNamespace()), &user.DefaultInfo{Name: "judge"})
	if q.Op == "update" {
		old, _, err := decoded(q.Old)
		if err != nil {
			return answer{Broken: err.Error()}
		}
		return answerOf(rest.BeforeUpdate(s, ctx, object, old))
	}
	rest.FillObjectMetaSystemFields(accessor)
	return answerOf(rest.BeforeCreate(s, ctx, object))
}

func answerOf(err error) answer {
	if err == nil {
		return answer{}
	}
	status := apierrors.APIStatus(nil)
	if !errors.As(err, &status) {
		return answer{Broken: err.Error()}
	}
	told := status.Status()
	found := answer{Reason: string(told.Reason), Message: strings.TrimSpace(told.Message)}
	if told.Details != nil {
		for _, c := range told.Details.Causes {
			found.Causes = append(found.Causes, cause{string(c.Type), c.Field, c.Message})
		}
	}
	return found
}

