package admin

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/wechat-token-proxy/wechat-token-proxy/proxy/admin/stats"
)

// The alerts and the dashboard use only metrics that exist.
func TestMonitoringNamesMetricsThatExist(t *testing.T) {
	t.Parallel()
	a, _ := lived()
	there := append(names(t, a), "process_resident_memory_bytes")
	metric := regexp.MustCompile(`\b(wechat_proxy|process|go)_[a-z_]+\b`)
	for where, expressions := range map[string][]string{"alerts.yml": alertExpressions(t), "grafana.json": grafanaExpressions(t)} {
		if len(expressions) < 10 {
			t.Errorf("%s has %d expressions", where, len(expressions))
		}
		for _, e := range expressions {
			found := metric.FindAllString(e, -1)
			if len(found) == 0 {
				t.Errorf("%s: no metric in %s", where, e)
			}
			for _, name := range found {
				if !slices.Contains(there, name) {
					t.Errorf("%s: there is no %s", where, name)
				}
			}
		}
	}
	text, err := os.ReadFile("monitoring/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range there {
		part := strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_count") || strings.HasSuffix(name, "_seconds")
		if strings.HasPrefix(name, stats.Namespace) && !part && name != stats.Namespace+"_reloads_total" && !strings.Contains(string(text), strings.TrimSuffix(name, "_bucket")) {
			t.Errorf("the Grafana dashboard does not show %s", name)
		}
	}
}

// Every query of the Grafana dashboard is PromQL.
func TestGrafanaQueriesParse(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("promtool"); err != nil {
		missing(t, "promtool")
	}
	variables := strings.NewReplacer("$instance", ".*", "$account", ".*", "$__rate_interval", "5m")
	rules := []map[string]string{}
	for i, e := range grafanaExpressions(t) {
		if !strings.HasPrefix(e, "label_values") {
			rules = append(rules, map[string]string{"record": fmt.Sprintf("query:%d", i), "expr": variables.Replace(e)})
		}
	}
	file, err := json.Marshal(map[string]any{"groups": []any{map[string]any{"name": "grafana", "rules": rules}}}) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func alertExpressions(t *testing.T) (out []string) {
	t.Helper()
	b, err := os.ReadFile("monitoring/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
			}
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("monitoring/alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			out = append(out, r.Expr)
			if !regexp.MustCompile(`alertname: ` + r.Alert + `\n\s+exp_alerts`).Match(tests) {
				t.Errorf("no test makes %s fire", r.Alert)
			}
		}
	}
	return out
}

func grafanaExpressions(t *testing.T) (out []string) {
	t.Helper()
	b, err := os.ReadFile("monitoring/grafana.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
		Templating struct {
			List []struct{ Definition string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			out = append(out, target.Expr)
		}
	}
	for _, v := range board.Templating.List {
		if v.Definition != "" {
			out = append(out, v.Definition)
		}
	}
	return out
}

func TestAlertsFire(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("promtool"); err != nil {
		missing(t, "promtool")
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.CommandContext(t.Context(), "promtool", args...)
		cmd.Dir = "monitoring"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
}
