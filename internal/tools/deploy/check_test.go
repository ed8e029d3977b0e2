package deploy

import (
	"slices"
	"strings"
	"testing"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
)

// check holds the objects of a release against one another.
func (o *objects) check(t *testing.T) {
	t.Helper()
	if len(o.workloads) != 3 {
		t.Errorf("%d workloads, want one for each role", len(o.workloads))
	}
	for _, w := range o.workloads {
		if got := o.selected(t, w.selector); !slices.Equal(got, []string{w.name}) {
			t.Errorf("%s selects the pods of %v", w.name, got)
		}
		if w.kind == "StatefulSet" && !slices.ContainsFunc(o.services, func(s core.Service) bool { return s.Name == w.service && s.Spec.ClusterIP == core.ClusterIPNone }) {
			t.Errorf("%s has no headless Service %s", w.name, w.service)
		}
		o.checkPod(t, w)
	}
	for _, p := range o.pods {
		checkContainers(t, p.Name, p.Spec)
	}
	for _, j := range o.jobs {
		checkContainers(t, j.Name, j.Spec.Template.Spec)
		environment(t, j.Name, j.Spec.Template.Spec.Containers[0])
		for _, w := range o.workloads {
			selector, err := meta.LabelSelectorAsSelector(w.selector)
			if err != nil || selector.Matches(labels.Set(j.Spec.Template.Labels)) {
				t.Errorf("the pods of %s are taken for those of %s: %v", j.Name, w.name, err)
			}
		}
	}
	o.checkServices(t)
	for _, b := range o.budgets {
		if got := o.selected(t, b.Spec.Selector); len(got) != 1 {
			t.Errorf("the disruption budget %s is for the pods of %v", b.Name, got)
		}
	}
	if len(o.budgets) != len(o.workloads) {
		t.Errorf("%d disruption budgets for %d workloads", len(o.budgets), len(o.workloads))
	}
	for _, p := range o.policies {
		if got := o.selected(t, &p.Spec.PodSelector); len(got) != 1 {
			t.Errorf("the network policy %s is for the pods of %v", p.Name, got)
		}
	}
	for _, s := range o.scalers {
		if !slices.ContainsFunc(o.workloads, func(w workload) bool {
			return w.name == s.Spec.ScaleTargetRef.Name && w.kind == s.Spec.ScaleTargetRef.Kind
		}) {
			t.Errorf("%s scales %v, which is not there", s.Name, s.Spec.ScaleTargetRef)
		}
	}
	for _, r := range o.rules {
		if len(r.Spec.Groups) < 4 {
			t.Errorf("%s has %d groups of rules", r.Name, len(r.Spec.Groups))
		}
	}
}

func (o *objects) checkServices(t *testing.T) {
	t.Helper()
	for _, s := range o.services {
		if problems := validation.IsDNS1035Label(s.Name); len(problems) > 0 {
			t.Errorf("service %s: %v", s.Name, problems)
		}
		if got := o.selected(t, &meta.LabelSelector{MatchLabels: s.Spec.Selector}); len(got) != 1 {
			t.Errorf("service %s is for the pods of %v", s.Name, got)
		}
		port := "http"
		if s.Spec.Ports[0].Name == "smtp" {
			port = "mail"
		}
		if p := s.Spec.Ports[0]; p.TargetPort != intstr.FromString(port) {
			t.Errorf("service %s has the target port %s", s.Name, p.TargetPort.String())
		}
		if port == "mail" {
			continue // it has no metrics
		}
		for _, m := range o.monitors {
			selector, err := meta.LabelSelectorAsSelector(&m.Spec.Selector)
			if err != nil || !selector.Matches(labels.Set(s.Labels)) {
				t.Errorf("%s does not see service %s: %v", m.Name, s.Name, err)
			}
			if !slices.ContainsFunc(s.Spec.Ports, func(p core.ServicePort) bool { return p.Name == m.Spec.Endpoints[0].Port }) {
				t.Errorf("%s looks for the port %s of %s", m.Name, m.Spec.Endpoints[0].Port, s.Name)
			}
			if s.Labels[m.Spec.JobLabel] != "parley" {
				t.Errorf("the job of %s is %q, which no alert knows", s.Name, s.Labels[m.Spec.JobLabel])
			}
		}
	}
}

// stopWait is how long serve may take to end after its drain (internal/cli/serve.go).
const stopWait = 15 * time.Second

// checkPod looks at a pod that serves.
func (o *objects) checkPod(t *testing.T, w workload) {
	t.Helper()
	spec := w.template.Spec
	checkContainers(t, w.name, spec)
	c := spec.Containers[0]
	env := environment(t, w.name, c)
	role := w.template.Labels["app.kubernetes.io/component"]
	if env["PARLEY_ROLES"] != role {
		t.Errorf("%s has the roles %q, want %q", w.name, env["PARLEY_ROLES"], role)
	}
	if at, ok := env["PARLEY_ADVERTISE_ADDR"]; ok && (w.kind != "StatefulSet" || at != "$(POD_NAME)."+w.service+"."+namespace+".svc:8080") {
		t.Errorf("the pods of %s say that they are at %s, where nobody finds them", w.name, at)
	} else if !ok && role == "processor" {
		t.Errorf("the pods of %s do not say where they are", w.name)
	}
	takesMail := slices.ContainsFunc(c.Ports, func(p core.ContainerPort) bool { return p.Name == "mail" && p.ContainerPort == 2525 })
	if is := env["PARLEY_MAIL_ADDR"] == ":2525"; is != takesMail {
		t.Errorf("the pods of %s take mail at %q, and have a port for it: %t", w.name, env["PARLEY_MAIL_ADDR"], takesMail)
	}
	if served := slices.ContainsFunc(o.services, func(s core.Service) bool { return s.Spec.Ports[0].Name == "smtp" }); role == "ingest" && served != takesMail {
		t.Errorf("the pods of %s take mail: %t, a service hands it to them: %t", w.name, takesMail, served)
	}
	drain, err := time.ParseDuration(env["PARLEY_DRAIN_DELAY"])
	if err != nil {
		t.Error(err)
	}
	if grace := time.Duration(*spec.TerminationGracePeriodSeconds) * time.Second; grace < drain+stopWait+5*time.Second {
		t.Errorf("%s is killed after %s; it drains for %s and may then take %s", w.name, grace, drain, stopWait)
	}
	for name, p := range map[string]*core.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		want := "/healthz"
		if name == "readiness" {
			want = "/readyz"
		}
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Path != want || p.HTTPGet.Port != intstr.FromString(c.Ports[0].Name) {
			t.Errorf("%s: %s probe is %v", w.name, name, p)
		}
	}
	o.checkVolumes(t, w)
}

// environment are the variables of a container that have a value, after a check of all.
func environment(t *testing.T, name string, c core.Container) map[string]string {
	t.Helper()
	env := make(map[string]string)
	for _, e := range c.Env {
		mustBeSetting(t, name, e.Name)
		if _, twice := env[e.Name]; twice {
			t.Errorf("%s sets %s twice", name, e.Name)
		}
		env[e.Name] = e.Value
		for before := range strings.SplitSeq(e.Value, "$(") {
			if variable, _, ok := strings.Cut(before, ")"); ok {
				if _, known := env[variable]; !known {
					t.Errorf("%s: %s needs %s, which is not set before it", name, e.Name, variable)
				}
			}
		}
	}
	return env
}

func (o *objects) checkVolumes(t *testing.T, w workload) {
	t.Helper()
	var known []string
	for _, v := range w.template.Spec.Volumes {
		known = append(known, v.Name)
		if v.ConfigMap != nil && !strings.HasSuffix(v.ConfigMap.Name, "-of-mine") &&
			!slices.ContainsFunc(o.configs, func(c core.ConfigMap) bool { return c.Name == v.ConfigMap.Name }) {
			t.Errorf("%s mounts the ConfigMap %s, which is not there", w.name, v.ConfigMap.Name)
		}
	}
	for _, claim := range w.claims {
		known = append(known, claim.Name)
	}
	c := w.template.Spec.Containers[0]
	var mounted []string
	for _, m := range c.VolumeMounts {
		mounted = append(mounted, m.Name)
		if !m.ReadOnly && m.MountPath != environment(t, w.name, c)["PARLEY_DATA_DIR"] {
			t.Errorf("%s can write to %s", w.name, m.MountPath)
		}
		if m.SubPath != "" {
			t.Errorf("%s would not see a change of %s", w.name, m.MountPath)
		}
	}
	slices.Sort(known)
	slices.Sort(mounted)
	if !slices.Equal(known, mounted) {
		t.Errorf("%s has the volumes %v, and mounts %v", w.name, known, mounted)
	}
}

// checkContainers looks at what pods may do: the restricted profile of the Pod Security Standards, and less.
func checkContainers(t *testing.T, name string, spec core.PodSpec) {
	t.Helper()
	if s := spec.SecurityContext; !*s.RunAsNonRoot || *s.RunAsUser == 0 || s.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
		t.Errorf("%s: security context of the pod is %v", name, s)
	}
	if *spec.AutomountServiceAccountToken {
		t.Errorf("%s has a token for the API, and no use for it", name)
	}
	for _, c := range spec.Containers {
		s := c.SecurityContext
		if *s.AllowPrivilegeEscalation || !*s.ReadOnlyRootFilesystem || !slices.Equal(s.Capabilities.Drop, []core.Capability{"ALL"}) {
			t.Errorf("%s: security context is %v", name, s)
		}
		if !pinnedForm.MatchString(c.Image) {
			t.Errorf("%s: image %s is not pinned", name, c.Image)
		}
	}
}
