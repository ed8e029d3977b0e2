package deploy

import (
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// workload is what has pods: a Deployment or a StatefulSet.
type workload struct {
	name     string
	kind     string
	selector *meta.LabelSelector
	template core.PodTemplateSpec
	claims   []core.PersistentVolumeClaim
	service  string // that of a StatefulSet
}

// objects are what a release is made of.
type objects struct {
	workloads []workload
	services  []core.Service
	configs   []core.ConfigMap
	budgets   []policy.PodDisruptionBudget
	policies  []networking.NetworkPolicy
	scalers   []autoscaling.HorizontalPodAutoscaler
	monitors  []monitoring.ServiceMonitor
	rules     []monitoring.PrometheusRule
	pods      []core.Pod
	jobs      []batch.Job
}

// decode reads manifests into the types of Kubernetes, which must know every field, and have a kind that the API has.
func decode(t *testing.T, manifests []string) *objects {
	t.Helper()
	var all objects
	for _, m := range manifests {
		var is meta.TypeMeta
		if err := yaml.Unmarshal([]byte(m), &is); err != nil {
			t.Fatal(err)
		}
		switch is.APIVersion + " " + is.Kind {
		case "apps/v1 Deployment":
			d := strict[apps.Deployment](t, m)
			all.workloads = append(all.workloads, workload{d.Name, is.Kind, d.Spec.Selector, d.Spec.Template, nil, ""})
		case "apps/v1 StatefulSet":
			s := strict[apps.StatefulSet](t, m)
			all.workloads = append(all.workloads, workload{s.Name, is.Kind, s.Spec.Selector, s.Spec.Template, s.Spec.VolumeClaimTemplates, s.Spec.ServiceName})
		case "v1 Service":
			all.services = append(all.services, strict[core.Service](t, m))
		case "v1 ConfigMap":
			all.configs = append(all.configs, strict[core.ConfigMap](t, m))
		case "v1 Pod":
			all.pods = append(all.pods, strict[core.Pod](t, m))
		case "batch/v1 Job":
			all.jobs = append(all.jobs, strict[batch.Job](t, m))
		case "policy/v1 PodDisruptionBudget":
			all.budgets = append(all.budgets, strict[policy.PodDisruptionBudget](t, m))
		case "networking.k8s.io/v1 NetworkPolicy":
			all.policies = append(all.policies, strict[networking.NetworkPolicy](t, m))
		case "autoscaling/v2 HorizontalPodAutoscaler":
			all.scalers = append(all.scalers, strict[autoscaling.HorizontalPodAutoscaler](t, m))
		case "monitoring.coreos.com/v1 ServiceMonitor":
			all.monitors = append(all.monitors, strict[monitoring.ServiceMonitor](t, m))
		case "monitoring.coreos.com/v1 PrometheusRule":
			all.rules = append(all.rules, strict[monitoring.PrometheusRule](t, m))
		default:
			t.Errorf("a kind that nobody expects: %s %s", is.APIVersion, is.Kind)
		}
	}
	return &all
}

func strict[T any](t *testing.T, manifest string) T {
	t.Helper()
	var object T
	if err := yaml.UnmarshalStrict([]byte(manifest), &object); err != nil {
		t.Errorf("%v\n%s", err, manifest)
	}
	return object
}

// selected are the workloads whose pods a selector chooses.
func (o *objects) selected(t *testing.T, by *meta.LabelSelector) []string {
	t.Helper()
	selector, err := meta.LabelSelectorAsSelector(by)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range o.workloads {
		if selector.Matches(labels.Set(w.template.Labels)) {
			names = append(names, w.name)
		}
	}
	return names
}
